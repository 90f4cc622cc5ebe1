"""Artifacts: immutable outputs of tasks, named by what they were made from."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from scipy import sparse
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import insert

from shopmine.errors import ConfigError, DataError, NotFoundError
from shopmine.staging.database import Database
from shopmine.staging.pieces import read_pieces, write_pieces
from shopmine.staging.tables_work import artifact_chunks, artifacts
from shopmine.staging.values import JSON, canonical_text, frame_hash

__all__ = [
    "Artifact",
    "ArtifactRef",
    "all_artifacts",
    "artifact_key",
    "artifact_refs",
    "code_version",
    "find_artifact",
    "find_artifacts",
    "frame_hash",
    "frame_to_sparse",
    "read_artifact",
    "replace_frames",
    "sparse_to_frame",
    "write_artifact",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactRef:
    """Where an artifact is and what it holds: equal `content_hash`, equal values."""

    artifact: int
    key: str
    name: str
    shop: str
    day: date
    content_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """An artifact with its frames, in the order they were written."""

    ref: ArtifactRef
    frames: Mapping[str, pa.Table]
    meta: Mapping[str, JSON]


def artifact_key(*, name: str, inputs: Sequence[str], code: str, config: Mapping[str, JSON], seed: int) -> str:
    """The name of an output by what decides it: inputs (content hashes or keys, in order), code, configuration, seed."""
    told = canonical_text([name, list(inputs), code, dict(config), seed])
    return hashlib.sha256(told.encode()).hexdigest()


def code_version(*module_names: str) -> str:
    """sha256 (hex) over the source of modules and packages, by name; a package counts with all its modules.

    Raises:
        ConfigError: a module is not there.
    """
    digest = hashlib.sha256()
    for name in sorted(set(module_names)):
        for path, told in _source_files(name):
            digest.update(f"{told}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _source_files(name: str) -> list[tuple[Path, str]]:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise ConfigError(f"there is no module {name!r} whose source could be a version")
    if not spec.submodule_search_locations:
        return [(Path(spec.origin), name)]
    folder = Path(spec.origin).parent
    return [(path, f"{name}/{path.relative_to(folder).as_posix()}") for path in sorted(folder.rglob("*.py"))]


def find_artifact(db: Database, key: str) -> ArtifactRef | None:
    """The artifact with this key, if it was made."""
    with db.snapshot() as connection:
        row = connection.execute(sa.select(artifacts).where(artifacts.c.key == key)).one_or_none()
    return None if row is None else _ref(row)


def find_artifacts(db: Database, keys: Sequence[str]) -> dict[str, ArtifactRef]:
    """Those of the artifacts with these keys that were made, by key, in one look."""
    if not keys:
        return {}
    wanted = sa.select(artifacts).where(artifacts.c.key == sa.any_(sa.literal([*keys], postgresql.ARRAY(sa.Text))))
    with db.snapshot() as connection:
        return {row.key: _ref(row) for row in connection.execute(wanted)}


def artifact_refs(db: Database, numbers: Sequence[int]) -> list[ArtifactRef]:
    """What artifacts are, in the order of their numbers as given, without reading what they hold.

    Raises:
        NotFoundError: one is not there.
    """
    wanted = sa.select(artifacts).where(artifacts.c.artifact.in_([*numbers]))
    with db.snapshot() as connection:
        found = {row.artifact: _ref(row) for row in connection.execute(wanted)}
    if missing := sorted(set(numbers) - set(found)):
        raise NotFoundError(f"there are no artifacts {missing}; work.artifacts lists them")
    return [found[number] for number in numbers]


def write_artifact(  # noqa: PLR0913 - named by the caller, one by one
    db: Database,
    *,
    key: str,
    shop: str,
    name: str,
    day: date,
    frames: Mapping[str, pa.Table],
    meta: Mapping[str, JSON],
    run: int,
) -> ArtifactRef:
    """Store an output once; when its key is there already with the same content, that one is given.

    Raises:
        DataError: another content is stored under this key (something that decides it is not in the key), or `meta` is
            no JSON.
    """
    meta_text = canonical_text(dict(meta))
    content_hash = _content_hash({label: frame_hash(frame) for label, frame in frames.items()}, meta_text)
    ref = find_artifact(db, key)
    if ref is None:
        entries, data = _packed(frames)
        values = {"key": key, "shop": shop, "name": name, "day": day, "run": run, "content_hash": content_hash}
        made = insert(artifacts).values(frames=entries, meta=dict(meta), **values).on_conflict_do_nothing()
        with db.transaction() as connection:
            number = connection.execute(made.returning(artifacts.c.artifact)).scalar_one_or_none()
            if number is not None:
                write_pieces(connection, artifact_chunks, [(number, data)])
            row = connection.execute(sa.select(artifacts).where(artifacts.c.key == key)).one()
        ref = _ref(row)
    if ref.content_hash != content_hash:
        raise DataError(
            f"artifact {ref.artifact} ({ref.name} of {ref.day}) has the key {key[:12]}… but another content; "
            "whatever made the difference must be part of the key: an input, the code, the configuration or the seed"
        )
    return ref


def _packed(frames: Mapping[str, pa.Table]) -> tuple[list[dict[str, JSON]], bytes]:
    """What is noted of each frame, and all of them as one value."""
    stored = {label: _to_bytes(frame) for label, frame in frames.items()}
    entries: list[dict[str, JSON]] = [
        {
            "name": label,
            "n_rows": frames[label].num_rows,
            "n_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for label, data in stored.items()
    ]
    return entries, b"".join(stored.values())


def replace_frames(db: Database, artifact: Artifact, frames: Mapping[str, pa.Table]) -> None:
    """Put other frames into an artifact: the one thing that may change it is that a person is removed. It is marked so."""
    entries, data = _packed(frames)
    hashes = {label: frame_hash(frame) for label, frame in frames.items()}
    values = {
        "frames": entries,
        "content_hash": _content_hash(hashes, canonical_text(dict(artifact.meta))),
        "is_redacted": True,
    }
    number = artifact.ref.artifact
    with db.transaction() as connection:
        connection.execute(sa.update(artifacts).where(artifacts.c.artifact == number).values(values))
        connection.execute(sa.delete(artifact_chunks).where(artifact_chunks.c.artifact == number))
        write_pieces(connection, artifact_chunks, [(number, data)])


def all_artifacts(db: Database, shop: str) -> list[int]:
    """Numbers of every artifact of a shop."""
    wanted = sa.select(artifacts.c.artifact).where(artifacts.c.shop == shop).order_by(artifacts.c.artifact)
    with db.snapshot() as connection:
        return list(connection.execute(wanted).scalars())


def _content_hash(frames: Mapping[str, str], meta_text: str) -> str:
    told = canonical_text([[[label, frames[label]] for label in sorted(frames)], meta_text])
    return hashlib.sha256(told.encode()).hexdigest()


def _to_bytes(frame: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=3))
    with pa.ipc.new_stream(sink, frame.schema, options=options) as writer:
        writer.write_table(frame)
    return bytes(sink.getvalue().to_pybytes())


def read_artifact(db: Database, artifact: int) -> Artifact:
    """An artifact with its frames, exactly as written.

    Raises:
        NotFoundError: there is none.
        DataError: the stored bytes are not what was written.
    """
    with db.snapshot() as connection:
        row = connection.execute(sa.select(artifacts).where(artifacts.c.artifact == artifact)).one_or_none()
        if row is None:
            raise NotFoundError(f"there is no artifact {artifact}; work.artifacts lists them")
        data = memoryview(read_pieces(connection, artifact_chunks, [artifact]).get(artifact, b""))
    frames: dict[str, pa.Table] = {}
    start = 0
    for entry in row.frames:
        part = data[start : start + entry["n_bytes"]]
        if hashlib.sha256(part).hexdigest() != entry["sha256"]:
            raise DataError(
                f"artifact {artifact} ({row.name} of {row.day}) is damaged: frame {entry['name']!r} does not match its "
                "checksum; delete it from work.artifacts and run that step again"
            )
        frames[entry["name"]] = pa.ipc.open_stream(pa.py_buffer(part)).read_all()
        start += entry["n_bytes"]
    return Artifact(ref=_ref(row), frames=frames, meta=row.meta)


def _ref(row: sa.Row[Any]) -> ArtifactRef:
    return ArtifactRef(
        artifact=row.artifact,
        key=row.key,
        name=row.name,
        shop=row.shop,
        day=row.day,
        content_hash=row.content_hash,
    )


def sparse_to_frame(matrix: sparse.csr_matrix) -> pa.Table:
    """(n_stored, 3) `row`, `column`, `value` of a sparse matrix, by row, then column; the matrix is not modified."""
    copy = sparse.csr_matrix(matrix, copy=True)
    copy.sum_duplicates()
    rows = np.repeat(np.arange(copy.shape[0], dtype=np.int32), np.diff(copy.indptr))
    return pa.table({"row": rows, "column": copy.indices.astype(np.int32), "value": copy.data})


def frame_to_sparse(frame: pa.Table, shape: tuple[int, int]) -> sparse.csr_matrix:
    """The matrix of `shape` behind a frame made by `sparse_to_frame`; stored zeros stay stored.

    Raises:
        DataError: an index lies outside the shape, or the frame has other columns.
    """
    if missing := {"row", "column", "value"} - set(frame.column_names):
        raise DataError(f"the frame of a sparse matrix lacks {sorted(missing)}; it has {frame.column_names}")
    rows, columns, values = (frame.column(name).to_numpy() for name in ("row", "column", "value"))
    if len(rows) and not (
        rows.min() >= 0 and rows.max() < shape[0] and columns.min() >= 0 and columns.max() < shape[1]
    ):
        raise DataError(f"a sparse matrix has entries outside its shape {shape}; it was stored with another one")
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=shape[0]))])
    order = np.lexsort((columns, rows))
    return sparse.csr_matrix((values[order], columns[order], indptr), shape=shape)
