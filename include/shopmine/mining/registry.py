"""The models, by name. Light: a DAG file reads this list, so nothing heavy is imported before a model is used.

A new model is a module with the functions of `ModelFunctions`, and one entry here.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from shopmine.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.mining.contract import MiningInputs


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry:
    """One model.

    Attributes:
        name: as in the shop's file `[models.NAME]`, and the noun of its functions `fit_NAME` ….
        module: import path of the module with these functions.
        inputs: artifacts of the features step that it reads as of the training day to fit.
        apply_inputs: those that it reads as of the day to apply; None: the same ones.
        tables: published tables it gives rows of, besides `metrics`.
        is_carried: its fit takes `previous`, the model of the training day before, and carries something of it on.
    """

    name: str
    title_en: str
    title_zh: str
    module: str
    inputs: tuple[str, ...]
    tables: tuple[str, ...]
    is_carried: bool = False
    apply_inputs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFunctions:
    """What a model's module offers: `SegmentsConfig`, `Segments`, `fit_segments` … for the name `segments`."""

    config: Callable[..., Any]
    result: Any
    fit: Callable[..., Any]
    evaluate: Callable[[Any, MiningInputs], pa.Table]
    apply: Callable[[Any, MiningInputs], dict[str, pa.Table]]


MODELS: Final[tuple[ModelEntry, ...]] = (
    ModelEntry(
        name="segments",
        title_en="Customer profiles",
        title_zh="用户画像",
        module="shopmine.mining.segments",
        inputs=("customer_features",),
        tables=("customers", "segments"),
        is_carried=True,
    ),
    ModelEntry(
        name="recommendations",
        title_en="Recommendations",
        title_zh="产品推荐",
        module="shopmine.mining.recommendations",
        inputs=("interactions", "product_features"),
        tables=("recommendations", "similar_products", "audiences", "reasons"),
        apply_inputs=("interactions", "product_features", "exposures"),
    ),
    ModelEntry(
        name="baskets",
        title_en="Association rules",
        title_zh="关联规则",
        module="shopmine.mining.baskets",
        inputs=("baskets", "product_features"),
        tables=("rules",),
        apply_inputs=(),
    ),
)
BY_NAME: Final[Mapping[str, ModelEntry]] = MappingProxyType({entry.name: entry for entry in MODELS})


def find_model(name: str) -> ModelEntry:
    """The entry of a model.

    Raises:
        NotFoundError: there is none of that name.
    """
    if name not in BY_NAME:
        raise NotFoundError(f"there is no model {name!r}; the models are {sorted(BY_NAME)}")
    return BY_NAME[name]


def load_functions(entry: ModelEntry) -> ModelFunctions:
    """Import a model's module (heavy) and find its functions by the model's name."""
    module = importlib.import_module(entry.module)
    noun = entry.name.title().replace("_", "")
    return ModelFunctions(
        config=getattr(module, f"{noun}Config"),
        result=getattr(module, noun),
        fit=getattr(module, f"fit_{entry.name}"),
        evaluate=getattr(module, f"evaluate_{entry.name}"),
        apply=getattr(module, f"apply_{entry.name}"),
    )


def model_config(name: str, settings: Mapping[str, object], where: str) -> Any:
    """The model's config from what a shop's file says.

    Args:
        name: the model.
        settings: the keys of `[models.NAME]`; lists become tuples.
        where: the file, for the error.

    Raises:
        ConfigError: a key is unknown or a value is outside its bounds; it names file, key and the nearest right key.
        NotFoundError: there is no such model.
    """
    config = load_functions(find_model(name)).config
    types = {field.name: str(field.type) for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    for key, value in sorted(settings.items()):
        if key not in types:
            near = difflib.get_close_matches(key, sorted(types), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {sorted(types)}"
            raise ConfigError(f"{where}: models.{name}.{key} is not a setting of this model; {hint}")
        if not _has_type(value, types[key]):
            raise ConfigError(f"{where}: models.{name}.{key}={value!r} is not of the type {types[key]}")
    try:
        return config(**{key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()})
    except ConfigError as error:
        raise ConfigError(f"{where}: models.{name}: {error}") from error


def _has_type(value: object, annotation: str) -> bool:
    """Whether a TOML value fits an annotation of a config: whole and other numbers, text, lists of text."""
    if annotation.startswith("tuple"):
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if isinstance(value, bool):
        return annotation == "bool"
    if annotation.startswith("float"):
        return isinstance(value, int | float)
    return isinstance(value, int if annotation.startswith("int") else str)
