"""Names of segments from what sets them apart: the features on which a centroid is farthest from the average customer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from shopmine.mining.segments.model import Matrix

_TYPICAL: Final = 0.35
_WORDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "recency_days": ("lapsed", "recent", "久未购买", "近期活跃"),
    "tenure_days": ("long-standing", "new", "老客户", "新客户"),
    "orders": ("frequent", "occasional", "高频", "低频"),
    "active_days": ("frequent", "occasional", "高频", "低频"),
    "spend": ("high-spending", "low-spending", "高消费", "低消费"),
    "gross_spend": ("high-spending", "low-spending", "高消费", "低消费"),
    "mean_order_value": ("large orders", "small orders", "大单", "小单"),
    "median_order_value": ("large orders", "small orders", "大单", "小单"),
    "items": ("many items", "few items", "多件", "少件"),
    "distinct_products": ("broad taste", "narrow taste", "品类广", "品类窄"),
    "return_share": ("returns often", "returns little", "退货多", "退货少"),
    "weekend_share": ("weekend", "weekday", "周末型", "工作日型"),
}
"""Feature -> words for far above and far below the average, in English and Chinese."""


def name_segments(centroids: Matrix, features: Sequence[str]) -> list[tuple[str, str]]:
    """A distinct (English, Chinese) name for each centroid.

    The two most telling features give the name; where two segments would share it, further features, then a number, are added.

    Args:
        centroids: (k, d) standardised, so that 0 is the average customer and 1 is a standard deviation.
        features: (d,) names.
    """
    for n_words in range(2, max(2, len(features)) + 1):
        names = [_describe(centroid, features, n_words) for centroid in centroids]
        if len(set(names)) == len(names):
            return names
    names = [_describe(centroid, features, len(features)) for centroid in centroids]
    seen: dict[tuple[str, str], int] = {}
    numbered = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        suffix = f" {seen[name]}" if names.count(name) > 1 else ""
        numbered.append((name[0] + suffix, name[1] + suffix))
    return numbered


def _describe(centroid: Matrix, features: Sequence[str], n_words: int) -> tuple[str, str]:
    order = np.argsort(-np.abs(centroid), kind="stable")[:n_words]
    english, chinese = [], []
    for index in order:
        if abs(centroid[index]) < _TYPICAL:
            continue
        name = features[index]
        high_en, low_en, high_zh, low_zh = _WORDS.get(name, (f"high {name}", f"low {name}", f"{name}高", f"{name}低"))
        english.append(high_en if centroid[index] > 0 else low_en)
        chinese.append(high_zh if centroid[index] > 0 else low_zh)
    if not english:
        return "Average", "普通客户"
    text = ", ".join(english)
    return text[0].upper() + text[1:], "、".join(chinese)
