"""What every model must keep; a model's test class inherits it and says only its name and config."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from shopmine.errors import DataError
from shopmine.mining.contract import METRICS, MiningInputs, StoredModel
from shopmine.mining.registry import ModelFunctions, find_model, load_functions
from unit.mining.shop_of_lines import invent_lines, later_lines, mining_inputs


def shuffled(inputs: MiningInputs, seed: int) -> MiningInputs:
    rng = np.random.default_rng(seed)
    frames = {name: frame.take(rng.permutation(frame.num_rows)) for name, frame in inputs.frames.items()}
    return MiningInputs(day=inputs.day, frames=frames)


def copied(frames: Any) -> dict[str, pa.Table]:
    """The frames in memory of their own."""
    copies = {}
    for name, frame in frames.items():
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, frame.schema) as writer:
            writer.write_table(frame)
        copies[name] = pa.ipc.open_stream(sink.getvalue()).read_all()
    return copies


def assert_same_model(first: StoredModel, second: StoredModel) -> None:
    assert first.meta == second.meta
    assert_same_tables(dict(first.frames), dict(second.frames))


def assert_same_tables(first: dict[str, pa.Table], second: dict[str, pa.Table]) -> None:
    assert sorted(first) == sorted(second)
    for name, table in first.items():
        assert table.equals(second[name]), name


class ModelContract:
    """Inherit, set `name` and `config`."""

    name: str
    config: Any

    @pytest.fixture(scope="class")
    @classmethod
    def functions(cls) -> ModelFunctions:
        return load_functions(find_model(cls.name))

    @pytest.fixture(scope="class")
    @classmethod
    def inputs(cls) -> MiningInputs:
        return mining_inputs(invent_lines())

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, functions: ModelFunctions, inputs: MiningInputs) -> Any:
        return functions.fit(inputs, cls.config)

    def test_any_order_of_rows_gives_the_same_model_and_results(
        self, functions: ModelFunctions, inputs: MiningInputs, model: Any
    ) -> None:
        again = functions.fit(shuffled(inputs, 1), self.config)
        assert_same_model(model.stored(), again.stored())
        assert_same_tables(functions.apply(model, inputs), functions.apply(again, shuffled(inputs, 2)))

    def test_inputs_are_not_modified(self, functions: ModelFunctions) -> None:
        inputs = mining_inputs(invent_lines())
        before = copied(inputs.frames)
        model = functions.fit(inputs, self.config)
        functions.evaluate(model, inputs)
        functions.apply(model, inputs)
        assert_same_tables(before, dict(inputs.frames))

    def test_fitting_and_applying_twice_is_once(
        self, functions: ModelFunctions, inputs: MiningInputs, model: Any
    ) -> None:
        assert_same_model(model.stored(), functions.fit(inputs, self.config).stored())
        assert_same_tables(functions.apply(model, inputs), functions.apply(model, inputs))

    def test_a_stored_model_is_equal_and_gives_equal_results(
        self, functions: ModelFunctions, inputs: MiningInputs, model: Any
    ) -> None:
        stored = model.stored()
        back = functions.result.from_stored(StoredModel(frames=copied(stored.frames), meta=stored.meta))
        assert_same_model(stored, back.stored())
        assert_same_tables(functions.apply(model, inputs), functions.apply(back, inputs))
        assert functions.evaluate(model, inputs).equals(functions.evaluate(back, inputs))

    def test_later_rows_change_nothing(self, functions: ModelFunctions, inputs: MiningInputs, model: Any) -> None:
        with_future = mining_inputs([*invent_lines(), *later_lines()])
        assert_same_model(model.stored(), functions.fit(with_future, self.config).stored())
        assert_same_tables(functions.apply(model, inputs), functions.apply(model, with_future))

    def test_nothing_to_mine_is_an_error_in_words(self, functions: ModelFunctions) -> None:
        with pytest.raises(DataError, match=r"too few|nothing to recommend"):
            functions.fit(mining_inputs([]), self.config)

    def test_a_missing_frame_is_named(self, functions: ModelFunctions, inputs: MiningInputs) -> None:
        with pytest.raises(DataError, match=r"there is no frame .* to mine"):
            functions.fit(MiningInputs(day=inputs.day, frames={}), self.config)

    def test_tables_and_metrics_are_what_the_registry_promises(
        self, functions: ModelFunctions, inputs: MiningInputs, model: Any
    ) -> None:
        assert sorted(functions.apply(model, inputs)) == sorted(find_model(self.name).tables)
        metrics = functions.evaluate(model, inputs)
        assert metrics.schema == METRICS
        keys = list(zip(metrics["model"].to_pylist(), metrics["metric"].to_pylist(), strict=True))
        assert keys == sorted(set(keys))
        assert {model for model, _ in keys} == {self.name}

    def test_the_default_config_survives_json(self, functions: ModelFunctions) -> None:
        told = {k: list(v) if isinstance(v, tuple) else v for k, v in dataclasses.asdict(functions.config()).items()}
        back = functions.config(**{k: tuple(v) if isinstance(v, list) else v for k, v in told.items()})
        assert back == functions.config()
