"""Schema `published`: the results. Users read the views of `views.py`; the tables here hold every retained release."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shopmine.columns import REASON_CODES, REASON_WEIGHTS, REASONS
from shopmine.staging.tables_raw import metadata

DELETED: Final = ("deletion",)
UNPROFILED: Final = ("no_profiling", "deletion")
UNPERSONALISED: Final = ("no_personalisation", "no_profiling", "deletion")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTable:
    """One published table.

    Attributes:
        table: the stored rows of all retained releases.
        key: columns that order the rows of a release.
        hidden_by: kinds of rights that hide a person's rows.
        is_result: counts for the release's content hash.
    """

    table: sa.Table
    key: tuple[str, ...]
    hidden_by: tuple[str, ...]
    is_result: bool

    @property
    def result_columns(self) -> list[sa.Column[Any]]:
        """The columns that a model fills, in order: all but `shop` and `release`."""
        return [column for column in self.table.columns if column.name not in ("shop", "release")]

    @property
    def is_unique(self) -> bool:
        """Whether the key names one row of a release."""
        return any(index.unique for index in self.table.indexes)

    @property
    def has_reasons(self) -> bool:
        """Whether its rows name reasons; the views give them as `REASONS`, put together from the table `reasons`."""
        return REASON_CODES in self.table.c

    @property
    def shown_columns(self) -> list[sa.Column[Any]]:
        """What users read of a row: reasons as they are told, instead of their numbers."""
        columns = [column for column in self.result_columns if column.name not in (REASON_CODES, REASON_WEIGHTS)]
        return [*columns, *([_json(REASONS, "why, the strongest first")] if self.has_reasons else [])]


def _text(name: str, comment: str | None = None, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=not required, comment=comment)


def _count(name: str, comment: str | None = None, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=not required, comment=comment)


def _float(name: str, comment: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, comment=comment)


def _exact(name: str, comment: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.Numeric, comment=comment)


def _json(name: str, comment: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, JSONB, comment=comment)


def _texts(name: str, comment: str | None = None, *, required: bool = False) -> sa.Column[Any]:
    return sa.Column(name, ARRAY(sa.Text), nullable=not required, comment=comment)


def _numbers(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, ARRAY(sa.Integer), comment=comment)


def _reasons(what: str) -> tuple[sa.Column[Any], sa.Column[Any]]:
    """A release has some thousands of reasons and millions of mentions of them: rows hold their numbers."""
    return (
        _numbers(REASON_CODES, f"{what}: rows of `reasons` by their number, the strongest first"),
        _numbers(REASON_WEIGHTS, "how much each counts, in ten-thousandths"),
    )


def _published(
    name: str,
    comment: str,
    *columns: sa.Column[Any],
    key: tuple[str, ...],
    hidden_by: tuple[str, ...] = (),
    is_unique: bool = False,
) -> PublishedTable:
    stored = f"stored_{name}"
    # The release comes first in every index: new releases are appended to it, which is what makes publishing fast.
    indexes = [sa.Index(f"{stored}_key", "release", *key, unique=is_unique)]
    if any(column.name == "customer" for column in columns) and key[0] != "customer":
        indexes.append(sa.Index(f"{stored}_customer", "release", "customer"))
    table = sa.Table(
        stored,
        metadata,
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("release", sa.BigInteger, nullable=False),
        *columns,
        *indexes,
        schema="published",
        comment=comment,
    )
    return PublishedTable(table=table, key=key, hidden_by=hidden_by, is_result=name != "checks")


_TABLES = (
    _published(
        "customers",
        "Customer profiles 用户画像 of a release.",
        _text("customer", required=True),
        _text("segment"),
        _text("segment_name_en"),
        _text("segment_name_zh"),
        _float("membership", "probability of its own segment"),
        _json("memberships", "probability of each segment"),
        _count("recency_days", "days since the last order"),
        _count("orders"),
        _exact("spend", "in the shop's currency"),
        _float("churn_probability"),
        _float("will_buy_probability"),
        _float("expected_value", "expected spend ahead, in the shop's currency"),
        _json("features", "everything else that is known for the day"),
        key=("customer",),
        hidden_by=UNPROFILED,
        is_unique=True,
    ),
    _published(
        "segments",
        "Segments of the customers 用户分群.",
        _text("segment", required=True),
        _text("name_en"),
        _text("name_zh"),
        _count("customers", "how many belong to it"),
        _float("share", "of all customers, in [0, 1]"),
        _json("mean", "mean of each feature"),
        _json("median", "median of each feature"),
        sa.Column("born_day", sa.Date, comment="training day on which it appeared"),
        _texts("parents", "segments it came from"),
        key=("segment",),
        is_unique=True,
    ),
    _published(
        "recommendations",
        "Recommended products 产品推荐 of each customer.",
        _text("customer", required=True),
        _text("list", "for_you, discover (only what is new to the customer) or buy_again", required=True),
        _count("rank", "1 is best", required=True),
        _text("product", required=True),
        _float("score"),
        _text("source", "the method that proposed it"),
        *_reasons("why it is there"),
        key=("customer", "list", "rank"),
        hidden_by=UNPERSONALISED,
        is_unique=True,
    ),
    _published(
        "audiences",
        "The best customers for a product 目标用户.",
        _text("product", required=True),
        _count("rank", "1 is best", required=True),
        _text("customer", required=True),
        _float("score"),
        *_reasons("why the customer is there"),
        key=("product", "rank"),
        hidden_by=UNPERSONALISED,
        is_unique=True,
    ),
    _published(
        "reasons",
        "Reasons 推荐理由 that rows of this release name by their number.",
        _count("reason", "its number", required=True),
        _text("kind", "because_you_bought, bought_together, popular …", required=True),
        _text("text_en"),
        _text("text_zh"),
        _json("detail", "what the texts are made of: a product, numbers"),
        key=("reason",),
        is_unique=True,
    ),
    _published(
        "similar_products",
        "Products like a product 相似商品.",
        _text("product", required=True),
        _count("rank", "1 is most similar", required=True),
        _text("similar", "the similar product", required=True),
        _float("score"),
        key=("product", "rank"),
        is_unique=True,
    ),
    _published(
        "rules",
        "Association rules 关联规则.",
        _texts("antecedent", "who buys these", required=True),
        _texts("consequent", "also buys these", required=True),
        _count("support_count", "baskets with both"),
        _float("confidence"),
        _float("lift"),
        _float("q_value", "false-discovery rate at which it would still count"),
        sa.Column("holds_later", sa.Boolean, comment="confirmed on later weeks"),
        _text("level", "product or category: what the two sides name"),
        _float("support", "share of the baskets that have both, in [0, 1]"),
        _float("leverage", "support less what it would be without a connection"),
        _float("conviction", "how much rarer it fails than without a connection; null: it never fails"),
        _float("confidence_low", "lower bound of the confidence, 95 in 100"),
        _float("expected_count", "baskets with both if items met by chance, given basket sizes"),
        _float("p_value", "chance of so many baskets with both without a connection"),
        _count("later_count", "later baskets with both"),
        _float("later_lift", "lift in the later weeks"),
        key=("antecedent", "consequent"),
    ),
    _published(
        "forecasts",
        "Forecasts 预测 with intervals.",
        _text("series", "what is forecast: revenue, orders, demand …", required=True),
        _text("key", "of what: a product, a store; null: of the shop"),
        sa.Column("day", sa.Date, nullable=False, comment="the day that is forecast"),
        _float("mean"),
        _float("lo80"),
        _float("hi80"),
        _float("lo95"),
        _float("hi95"),
        _count("n_days", "so many days from `day` on are summed: 1, or 7 for weeks"),
        _text("method", "the method that was really used"),
        key=("series", "key", "day"),
    ),
    _published(
        "factors",
        "Factor loadings 因子分析.",
        _text("model", "factor or pca", required=True),
        _count("component", "from 1, by variance", required=True),
        _text("variable", required=True),
        _float("loading"),
        _float("variance_share", "of the component, in [0, 1]"),
        key=("model", "component", "variable"),
    ),
    _published(
        "decision_rules",
        "Leaves of the readable trees 分类树规则, most likely first.",
        _text("model", "churn", required=True),
        _text("target", "churn or will_buy: what is predicted", required=True),
        _count("rank", "1 is most likely", required=True),
        _text("text_en", "the conditions in words"),
        _text("text_zh"),
        _count("customers", "training rows that fulfil the conditions"),
        _float("share", "of all training rows, in [0, 1]"),
        _float("probability", "of the target among them"),
        _float("lift", "probability over that of all"),
        key=("model", "target", "rank"),
        is_unique=True,
    ),
    _published(
        "data_profile",
        "What the shop's data looks like 数据概况: distributions, gaps, outliers, correlations, drift.",
        _text("entity", "canonical entity or feature frame", required=True),
        _text("variable", "its column; null: of the whole entity"),
        _text("statistic", "what is measured", required=True),
        _text("key", "of what: a value, a bin, another variable"),
        _float("value"),
        key=("entity", "variable", "statistic", "key"),
    ),
    _published(
        "metrics",
        "How good each model is 模型指标.",
        _text("model", required=True),
        _text("metric", required=True),
        _float("value"),
        _float("low", "lower bound of the interval"),
        _float("high", "upper bound of the interval"),
        _float("baseline", "the same metric of the trivial baseline"),
        sa.Column("is_champion", sa.Boolean),
        sa.Column("day", sa.Date, comment="training day of the model"),
        key=("model", "metric", "day"),
    ),
    _published(
        "statistics",
        "Figures for people and BI tools 统计.",
        sa.Column("day", sa.Date, nullable=False, comment="the day that is counted"),
        _text("metric", required=True),
        _text("key", "of what: a store, a channel; null: of the shop"),
        _exact("value"),
        key=("day", "metric", "key"),
    ),
    _published(
        "sentiments",
        "What reviews and posts feel about each product 情感.",
        _text("product", "null: of the shop"),
        _text("source", "reviews or social_posts"),
        _count("texts", "how many were read"),
        _float("positive", "share, in [0, 1]"),
        _float("neutral", "share, in [0, 1]"),
        _float("negative", "share, in [0, 1]"),
        _float("score", "mean, in [-1, 1]"),
        _float("rating", "mean rating given, in the shop's scale"),
        key=("product", "source"),
    ),
    _published(
        "topics",
        "What reviews and posts speak about 话题.",
        _text("entity", "reviews or social_posts", required=True),
        _text("topic", required=True),
        _text("product", "null: of the shop"),
        _count("texts", "how many speak about it"),
        _float("share", "of all texts, in [0, 1]"),
        _float("score", "mean sentiment, in [-1, 1]"),
        _texts("terms", "what it is recognised by"),
        key=("entity", "topic", "product"),
    ),
    _published(
        "anomalies",
        "Days that are unlike what was expected 异常.",
        _text("series", required=True),
        _text("key", "of what; null: of the shop"),
        sa.Column("day", sa.Date, nullable=False, comment="the day that is unusual"),
        _float("expected"),
        _float("actual"),
        _float("score", "distance in robust standard deviations"),
        _text("detail"),
        key=("series", "key", "day"),
    ),
    _published(
        "actions",
        "What to do, best first 行动建议.",
        _count("rank", "1 is first", required=True),
        _text("action", required=True),
        _text("entity", "customer, product, segment …: what it is about"),
        _text("key", "which one"),
        _float("value", "expected gain in the shop's currency"),
        _text("title_en"),
        _text("title_zh"),
        _json("reasons"),
        key=("rank",),
        hidden_by=UNPERSONALISED,
    ),
    _published(
        "checks",
        "What was checked before the release 检查.",
        sa.Column("day", sa.Date, nullable=False, comment="the day that was checked"),
        _text("check_name", required=True),
        _text("expected"),
        _text("actual"),
        sa.Column("passed", sa.Boolean, nullable=False),
        _text("detail"),
        key=("day", "check_name"),
    ),
)

PUBLISHED: Final[Mapping[str, PublishedTable]] = MappingProxyType(
    {entry.table.name.removeprefix("stored_"): entry for entry in _TABLES}
)
"""The published tables by the name that users read."""
