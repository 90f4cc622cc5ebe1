"""The canonical entities: what every shop's data is conformed to, whatever its own schema looks like.

This is the one list of their columns. The tables of schema `clean`, the checks of a shop's file, `prepare` and the
generated documentation are all made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class ColumnType(StrEnum):
    """Type of a canonical column; the text is PostgreSQL's name of it."""

    TEXT = "text"
    NUMERIC = "numeric"
    INTEGER = "bigint"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamptz"
    DATE = "date"


class Pick(StrEnum):
    """Which value stands for several rows of one key, where one read gives a row per line (see `from` in a shop's file).

    `FIRST` and `LAST` are in the total order of the entity's time, then of the whole source row.
    """

    FIRST = "first"
    LAST = "last"
    MIN = "min"
    MAX = "max"
    MOST_FREQUENT = "most_frequent"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalColumn:
    """One column: its type, whether a row without it is quarantined, and how rows of one key are put together.

    A column that `is_made` need not be mapped: `prepare` makes it where the source gives none. A row with a value that is
    none of the `choices`, where there are any, is quarantined.
    """

    name: str
    type: ColumnType
    is_required: bool = False
    is_made: bool = False
    pick: Pick = Pick.FIRST
    about: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CanonicalEntity:
    """One table of schema `clean`.

    Attributes:
        key: columns that name a row within its day; a repeat of a key with the same values is a duplicate.
        is_fact: a fact belongs to a day; a dimension is versioned by batch and read as its newest version.
        person: the column that holds the source's own key of a person, if any.
        time: the column that orders the rows of a key, if any.
    """

    name: str
    about: str
    columns: tuple[CanonicalColumn, ...]
    key: tuple[str, ...]
    is_fact: bool = True
    person: str | None = None
    time: str | None = None
    by_name: Mapping[str, CanonicalColumn] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({column.name: column for column in self.columns}))


def _text(name: str, about: str = "", *, required: bool = False, pick: Pick = Pick.FIRST) -> CanonicalColumn:
    return CanonicalColumn(name=name, type=ColumnType.TEXT, is_required=required, pick=pick, about=about)


def _number(name: str, about: str = "", *, required: bool = False, pick: Pick = Pick.FIRST) -> CanonicalColumn:
    return CanonicalColumn(name=name, type=ColumnType.NUMERIC, is_required=required, pick=pick, about=about)


def _time(name: str, about: str = "", *, required: bool = False, pick: Pick = Pick.MIN) -> CanonicalColumn:
    return CanonicalColumn(name=name, type=ColumnType.TIMESTAMP, is_required=required, pick=pick, about=about)


def _choice(name: str, choices: tuple[str, ...]) -> CanonicalColumn:
    about = f"{', '.join(choices[:-1])} or {choices[-1]}"
    return CanonicalColumn(name=name, type=ColumnType.TEXT, is_required=True, about=about, choices=choices)


RIGHT_KINDS: Final = ("no_personalisation", "no_profiling", "deletion")
_LINE_KINDS = "sale, return, adjustment or service"

_ENTITIES = (
    CanonicalEntity(
        name="customers",
        about="Customers 客户 as their source knows them; totals are computed for a day, never stored.",
        columns=(_text("customer", required=True),),
        key=("customer",),
        is_fact=False,
        person="customer",
    ),
    CanonicalEntity(
        name="products",
        about="Products 商品.",
        columns=(
            _text("product", required=True),
            _text("name", pick=Pick.MOST_FREQUENT),
            _text("category", pick=Pick.MOST_FREQUENT),
            _number("price", "list price in the shop's currency", pick=Pick.MOST_FREQUENT),
            CanonicalColumn(name="listed", type=ColumnType.BOOLEAN, about="may be shown; null counts as listed"),
            _text("kind", "goods, service, …; null counts as goods", pick=Pick.MOST_FREQUENT),
            _text("description"),
            _text("image"),
        ),
        key=("product",),
        is_fact=False,
    ),
    CanonicalEntity(
        name="stock",
        about="Stock 库存 of a product in a store.",
        columns=(_text("product", required=True), _text("store"), _number("quantity", required=True)),
        key=("product", "store"),
        is_fact=False,
    ),
    CanonicalEntity(
        name="orders",
        about="Orders 订单.",
        columns=(
            _text("order_id", required=True),
            _text("customer", pick=Pick.FIRST),
            _time("ordered_at", "the earliest of its lines", required=True),
            _text("store"),
            _text("channel"),
            _text("status", pick=Pick.LAST),
            _text("currency"),
            _text("campaign"),
        ),
        key=("order_id",),
        person="customer",
        time="ordered_at",
    ),
    CanonicalEntity(
        name="order_lines",
        about="Lines of orders 订单明细.",
        columns=(
            _text("order_id", required=True),
            CanonicalColumn(
                name="line",
                type=ColumnType.INTEGER,
                is_required=True,
                is_made=True,
                about="rank within the order in the total order of the whole source row where the source has no key",
            ),
            _text("product", required=True),
            _text("customer"),
            _time("ordered_at", required=True),
            _number("quantity", "negative or 0 on a return, whatever sign its source gives it", required=True),
            _number("unit_price", required=True),
            _number("discount"),
            CanonicalColumn(
                name="amount",
                type=ColumnType.NUMERIC,
                is_required=True,
                is_made=True,
                about="quantity × unit_price − discount where the source gives none; negative or 0 on a return",
            ),
            _text("kind", _LINE_KINDS, required=True),
        ),
        key=("order_id", "line"),
        person="customer",
        time="ordered_at",
    ),
    CanonicalEntity(
        name="payments",
        about="Payments 支付.",
        columns=(
            _text("payment_id", required=True),
            _text("order_id"),
            _time("at", required=True),
            _text("method"),
            _number("amount", "what was received; negative where it was given back", required=True),
            _text("currency"),
            _text("status", pick=Pick.LAST),
        ),
        key=("payment_id",),
        time="at",
    ),
    CanonicalEntity(
        name="refunds",
        about="Refunds 退款.",
        columns=(
            _text("refund_id", required=True),
            _text("order_id"),
            _time("at", required=True),
            _text("method"),
            _number("amount", "what was given back, positive or 0, whatever sign its source gives it", required=True),
            _text("currency"),
            _text("status", pick=Pick.LAST),
        ),
        key=("refund_id",),
        time="at",
    ),
    CanonicalEntity(
        name="campaigns",
        about="Campaigns 营销活动.",
        columns=(
            _text("campaign", required=True),
            _text("name"),
            _text("channel"),
            _time("starts"),
            _time("ends"),
            _number("cost"),
        ),
        key=("campaign",),
        is_fact=False,
    ),
    CanonicalEntity(
        name="coupons",
        about="Coupons 优惠券.",
        columns=(
            _text("coupon", required=True),
            _text("campaign"),
            _text("customer"),
            _text("order_id", "the order that used it, if any"),
        ),
        key=("coupon",),
        is_fact=False,
        person="customer",
    ),
    CanonicalEntity(
        name="touches",
        about="What a campaign did to a customer: sent, opened, clicked, redeemed 触达.",
        columns=(
            _text("customer", required=True),
            _text("campaign", required=True),
            _time("at", required=True),
            _text("kind", "sent, opened, clicked or redeemed", required=True),
        ),
        key=("customer", "campaign", "at", "kind"),
        person="customer",
        time="at",
    ),
    CanonicalEntity(
        name="events",
        about="Behaviour 行为: view, cart, search, follow, menu ….",
        columns=(
            _text("event_id", required=True),
            _text("customer"),
            _text("session"),
            _text("product"),
            _text("type", required=True),
            _time("at", required=True),
            _text("source"),
        ),
        key=("event_id",),
        person="customer",
        time="at",
    ),
    CanonicalEntity(
        name="reviews",
        about="Reviews 评价 of products.",
        columns=(
            _text("review_id", required=True),
            _text("customer"),
            _text("product"),
            _time("at", required=True),
            _number("rating"),
            _text("text"),
            _text("source"),
        ),
        key=("review_id",),
        person="customer",
        time="at",
    ),
    CanonicalEntity(
        name="social_posts",
        about="Posts 社交媒体 about the shop or its products.",
        columns=(
            _text("post_id", required=True),
            _text("customer"),
            _text("product"),
            _time("at", required=True),
            _number("rating"),
            _text("text"),
            _text("source"),
        ),
        key=("post_id",),
        person="customer",
        time="at",
    ),
    CanonicalEntity(
        name="channel_stats",
        about="Daily figures of a channel (readers, followers …) 渠道统计.",
        columns=(
            _text("channel", required=True),
            _text("item"),
            _text("metric", required=True),
            _number("value", required=True),
        ),
        key=("channel", "item", "metric"),
    ),
    CanonicalEntity(
        name="store_sales",
        about="Daily sales of a store 门店销售 where only totals are known.",
        columns=(
            _text("store", required=True),
            _text("product"),
            _number("quantity", required=True),
            _number("amount", required=True),
        ),
        key=("store", "product"),
    ),
    CanonicalEntity(
        name="feedback",
        about="What became of a recommendation 反馈: shown, clicked, bought, hidden.",
        columns=(
            _text("feedback_id", required=True),
            _text("customer", required=True),
            _text("product", required=True),
            CanonicalColumn(name="release", type=ColumnType.INTEGER),
            _choice("kind", ("shown", "clicked", "bought", "hidden")),
            _time("at", required=True),
        ),
        key=("feedback_id",),
        person="customer",
        time="at",
    ),
    CanonicalEntity(
        name="consents",
        about="What a person allows 同意; read as of now, always.",
        columns=(
            _text("customer", required=True),
            _choice("kind", RIGHT_KINDS),
            _time("at", required=True),
        ),
        key=("customer", "kind"),
        is_fact=False,
        person="customer",
        time="at",
    ),
)

ENTITIES: Final[Mapping[str, CanonicalEntity]] = MappingProxyType({entity.name: entity for entity in _ENTITIES})
