"""The rules as published, and one of them in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shopmine.errors import NotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

    from shopmine.mining.baskets.model import Baskets
    from shopmine.mining.contract import MiningInputs


def apply_baskets(model: Baskets, inputs: MiningInputs) -> dict[str, pa.Table]:
    """The rules of the training day: `rules` (schema `RULES`); they do not depend on the day that they are shown for.

    Args:
        model: fitted on the day's training day.
        inputs: nothing of it is read.
    """
    del inputs
    return {"rules": model.rules}


def explain_rule(model: Baskets, antecedent: Sequence[str], consequent: str) -> dict[str, Any]:
    """One rule with its measures, and what they say in English and Chinese.

    Raises:
        NotFoundError: there is no such rule.
    """
    wanted = (sorted(antecedent), [consequent])
    for row in model.rules.to_pylist():
        if (row["antecedent"], row["consequent"]) == wanted:
            return {**row, **_words(row, model.n_baskets[row["level"]])}
    raise NotFoundError(
        f"no rule {wanted[0]} => {consequent!r} was found on {model.day}; too rare, or chance explains it"
    )


def _words(row: dict[str, Any], n_baskets: int) -> dict[str, str]:
    left, right = ", ".join(row["antecedent"]), row["consequent"][0]
    later_en = {True: "; it held in later weeks", False: "; it did not hold in later weeks", None: ""}
    later_zh = {True: "；在之后数周仍成立", False: "；在之后数周不再成立", None: ""}
    english = (
        f"{row['support_count']} of {n_baskets} baskets hold {left} and {right}; chance would give "
        f"{row['expected_count']:.1f}. Of the baskets with {left}, {row['confidence']:.0%} hold {right} "
        f"(surely {row['confidence_low']:.0%}), {row['lift']:.1f} times the usual share{later_en[row['holds_later']]}."
    )
    chinese = (
        f"{n_baskets} 个购物篮中有 {row['support_count']} 个同时含 {left} 与 {right}，随机仅约 {row['expected_count']:.1f} 个；"
        f"含 {left} 的购物篮中 {row['confidence']:.0%} 也含 {right}（至少 {row['confidence_low']:.0%}），"
        f"是平常的 {row['lift']:.1f} 倍{later_zh[row['holds_later']]}。"
    )
    return {"text_en": english, "text_zh": chinese}
