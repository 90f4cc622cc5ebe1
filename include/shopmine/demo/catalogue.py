"""Products of the demo shop: categories, styles, prices, popularity, and the pairs that are bought together."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.arrow import positions_within
from shopmine.demo.sizes import DemoSize, random_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category: its letters in product codes, share of the products, typical price in yuan, what is sold."""

    name: str
    code: str
    share: float
    price: float
    nouns: tuple[str, ...]


CATEGORIES: Final = (
    Category(
        name="母婴", code="MY", share=0.12, price=89, nouns=("奶粉", "纸尿裤", "婴儿湿巾", "儿童水杯", "绘本套装")
    ),
    Category(
        name="食品", code="SP", share=0.18, price=29, nouns=("坚果礼盒", "挂耳咖啡", "燕麦片", "牛肉干", "龙井茶")
    ),
    Category(name="家居", code="JJ", share=0.15, price=49, nouns=("收纳箱", "四件套", "保温杯", "抽纸", "不粘锅")),
    Category(
        name="数码", code="SM", share=0.11, price=399, nouns=("蓝牙耳机", "充电宝", "机械键盘", "智能手表", "路由器")
    ),
    Category(name="美妆", code="MZ", share=0.12, price=159, nouns=("面膜", "精华液", "口红", "防晒霜", "洗面奶")),
    Category(name="服饰", code="FS", share=0.16, price=119, nouns=("纯棉T恤", "牛仔裤", "运动袜", "羽绒服", "帆布包")),
    Category(name="运动", code="YD", share=0.08, price=139, nouns=("瑜伽垫", "跑步鞋", "跳绳", "登山包", "羽毛球拍")),
    Category(
        name="图书", code="TS", share=0.08, price=39, nouns=("科幻小说", "编程入门", "历史读本", "笔记本", "钢笔")
    ),
)
_STYLES: Final = ("简约", "复古", "清新", "商务", "卡通", "国潮", "轻奢", "森系", "运动风", "北欧", "极简", "田园")
_SPECS: Final = ("标准装", "家庭装", "旅行装", "升级款", "限定款", "两件装")
_ENDINGS: Final = np.array([0, 50, 80, 90, 99])  # cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Arrays of (n_products,), and pairs of product numbers.

    Attributes:
        category, style: numbers; together they make the pool that a taste draws from.
        price_cents: list price.
        popularity: weight within its pool.
        is_faulty: often returned and badly reviewed.
        is_listed: False: was sold, is not any more.
        bundles: (n_bundles, 2) who buys the first takes the second with probability `BUNDLE_PROBABILITY`.
    """

    sku: npt.NDArray[np.object_]
    title: npt.NDArray[np.object_]
    category: npt.NDArray[np.int64]
    style: npt.NDArray[np.int64]
    n_styles: int
    price_cents: npt.NDArray[np.int64]
    popularity: npt.NDArray[np.float64]
    is_faulty: npt.NDArray[np.bool_]
    is_listed: npt.NDArray[np.bool_]
    bundles: npt.NDArray[np.int64]

    @property
    def pool(self) -> npt.NDArray[np.int64]:
        """Category and style as one number."""
        return self.category * self.n_styles + self.style


BUNDLE_PROBABILITY: Final = 0.5


def make_catalogue(size: DemoSize, seed: int) -> Catalogue:
    """All goods, numbered 0 … n_products − 1, ordered by category."""
    rng = random_stream(seed, "catalogue")
    n = size.n_products
    shares = np.cumsum([category.share for category in CATEGORIES])
    category = np.searchsorted(shares, (np.arange(n) + 0.5) / n * shares[-1])
    rank_in_category = positions_within(category)
    style = rank_in_category % size.n_styles
    popularity = np.empty(n)
    for pool in range(len(CATEGORIES) * size.n_styles):
        members = np.flatnonzero(category * size.n_styles + style == pool)
        popularity[members] = 1 / (1 + rng.permutation(len(members))) ** 0.8
    price = np.array([CATEGORIES[c].price for c in category]) * np.exp(rng.normal(0, 0.5, n))
    price_cents = np.maximum(price.astype(np.int64), 5) * 100 + rng.choice(_ENDINGS, n)
    bundles = _make_bundles(size, category * size.n_styles + style, popularity, rng)
    is_free = ~np.isin(np.arange(n), bundles)
    return Catalogue(
        sku=np.array([f"{CATEGORIES[c].code}{i:05d}" for i, c in enumerate(category, 1)], dtype=object),
        title=_make_titles(category, style, rank_in_category),
        category=category,
        style=style,
        n_styles=size.n_styles,
        price_cents=price_cents,
        popularity=popularity,
        is_faulty=is_free & (rng.random(n) < 0.04),
        is_listed=~(is_free & (rng.random(n) < 0.03)),
        bundles=bundles,
    )


def _make_bundles(
    size: DemoSize, pool: npt.NDArray[np.int64], popularity: npt.NDArray[np.float64], rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """A popular product with a rarely bought one from another pool; no product is in two bundles."""
    first = np.flatnonzero(popularity == 1)  # the most popular of each pool
    second = np.flatnonzero(popularity < 0.5)
    first = rng.permutation(first)[: size.n_bundles]
    second = rng.permutation(second)[: size.n_bundles]
    pairs = np.stack([first[: len(second)], second[: len(first)]], axis=1)
    is_mixed: npt.NDArray[np.bool_] = pool[pairs[:, 0]] != pool[pairs[:, 1]]
    return pairs[is_mixed]


def _make_titles(
    category: npt.NDArray[np.int64], style: npt.NDArray[np.int64], rank: npt.NDArray[np.int64]
) -> npt.NDArray[np.object_]:
    titles = []
    for c, s, r in zip(category.tolist(), style.tolist(), rank.tolist(), strict=True):
        nouns = CATEGORIES[c].nouns
        titles.append(f"{_STYLES[s]}{nouns[(r + s) % len(nouns)]} {_SPECS[r % len(_SPECS)]} {r + 1:03d}号")
    return np.array(titles, dtype=object)
