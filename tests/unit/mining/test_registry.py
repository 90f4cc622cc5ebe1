"""The registry is light, complete, and says what is wrong in a shop's file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shopmine.errors import ConfigError, NotFoundError
from shopmine.mining.registry import MODELS, find_model, load_functions, model_config
from shopmine.staging.tables_published import PUBLISHED

HEAVY = ("numpy", "pandas", "pyarrow", "scipy", "sklearn", "implicit", "duckdb", "sqlalchemy")


def test_reading_the_registry_imports_nothing_heavy() -> None:
    code = f"import sys, shopmine.mining.registry; print([m for m in {HEAVY!r} if m in sys.modules])"
    path = str(Path(__file__).parents[3] / "include")
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry.name)
def test_every_entry_has_its_functions_and_tables(entry: object) -> None:
    entry = find_model(entry.name)  # type: ignore[attr-defined]
    functions = load_functions(entry)
    assert functions.config().seed >= 0
    assert set(entry.tables) <= set(PUBLISHED)


def test_wrong_settings_name_file_key_and_the_nearest_right_one() -> None:
    with pytest.raises(
        ConfigError, match=r"shops/a.toml: models.segments.n_cluster is not .*did you mean 'n_clusters'"
    ):
        model_config("segments", {"n_cluster": 5}, "shops/a.toml")
    with pytest.raises(ConfigError, match=r"shops/a.toml: models.segments: transform='x' is neither"):
        model_config("segments", {"transform": "x"}, "shops/a.toml")
    with pytest.raises(ConfigError, match=r"models.recommendations.list_size='ten' is not of the type int"):
        model_config("recommendations", {"list_size": "ten"}, "shops/a.toml")
    for settings in ({"n_clusters": 2.5}, {"seed": True}, {"features": "orders"}, {"features": [1]}, {"transform": 1}):
        with pytest.raises(ConfigError, match=r"is not of the type"):
            model_config("segments", settings, "shops/a.toml")
    assert model_config("segments", {"min_share": 0, "n_clusters": 4}, "shops/a.toml").n_clusters == 4
    with pytest.raises(NotFoundError, match=r"there is no model 'segment'; the models are \['baskets', "):
        model_config("segment", {}, "shops/a.toml")
    assert model_config("segments", {"features": ["orders"]}, "shops/a.toml").features == ("orders",)
