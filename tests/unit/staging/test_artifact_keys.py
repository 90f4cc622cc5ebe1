"""Names of artifacts, versions of code, and matrices as frames."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from shopmine.errors import ConfigError, DataError
from shopmine.staging.artifacts import artifact_key, code_version, frame_to_sparse, sparse_to_frame

KEY = {"name": "segments", "inputs": ["a", "b"], "code": "c", "config": {"k": 6, "min": 0.5}, "seed": 7}


def test_a_key_depends_on_everything_but_the_order_of_settings() -> None:
    key = artifact_key(**KEY)
    assert key == artifact_key(**{**KEY, "config": {"min": 0.5, "k": 6}})
    changed = [
        {"name": "x"},
        {"inputs": ["b", "a"]},
        {"inputs": ["ab"]},
        {"code": "d"},
        {"config": {"k": 6}},
        {"seed": 8},
    ]
    assert len({key, *(artifact_key(**{**KEY, **change}) for change in changed)}) == 7


def test_a_code_version_changes_with_the_source_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "versioned"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = code_version("versioned", "json")
    assert before == code_version("json", "versioned")
    assert before != code_version("versioned")
    (package / "part.py").write_text("x = 2\n")
    assert before != code_version("versioned", "json")
    with pytest.raises(ConfigError, match=r"no module 'versioned.absent'"):
        code_version("versioned.absent")


@given(
    st.integers(1, 5),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from([0.0, 1.5, -2.0])), max_size=10),
)
def test_a_matrix_comes_back_as_it_was(n_rows: int, n_columns: int, entries: list[tuple[int, int, float]]) -> None:
    inside = [entry for entry in entries if entry[0] < n_rows and entry[1] < n_columns]
    rows, columns, values = (np.array([entry[at] for entry in inside]) for at in range(3))
    matrix = sparse.csr_matrix(
        (values.astype(float), (rows.astype(int), columns.astype(int))), shape=(n_rows, n_columns)
    )
    back = frame_to_sparse(sparse_to_frame(matrix), matrix.shape)
    assert back.shape == matrix.shape
    assert back.nnz == matrix.nnz
    assert (back != matrix).nnz == 0


def test_a_matrix_is_not_changed_by_storing_it() -> None:
    shared = np.array([0, 2])
    matrix = sparse.csr_matrix((np.array([1.0, 2.0]), np.array([0, 0]), shared), shape=(1, 2))
    assert sparse_to_frame(matrix).to_pydict() == {"row": [0], "column": [0], "value": [3.0]}
    assert matrix.nnz == 2
    assert shared.tolist() == [0, 2]


def test_a_frame_of_another_shape_is_refused() -> None:
    frame = sparse_to_frame(sparse.csr_matrix(np.eye(3)))
    with pytest.raises(DataError, match=r"outside its shape \(2, 3\)"):
        frame_to_sparse(frame, (2, 3))
    with pytest.raises(DataError, match=r"lacks \['value'\]"):
        frame_to_sparse(pa.table({"row": [1], "column": [1]}), (2, 2))
