"""Personal columns: hashed with the shop's key or masked before anything lands. (Dropped ones are never read.)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shopmine.config.connections import PREFIX, Connections
from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.config.shops import Shop

SHORTEST_KEY: Final = 16
_EMAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
# International (+ or 00), national (leading 0), Chinese mobile, and 3-3-4 numbers; not dates, prices or order numbers.
_PHONE: Final = re.compile(
    r"(?<![\w.])(?:(?:\+|00)\d(?:[ ().-]{0,2}\d){6,13}|\(?0\d(?:[ ().-]{0,2}\d){7,10}"
    r"|1[3-9]\d(?:[ -]?\d{4}){2}|\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4})(?!\d)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalKey:
    """The key that a shop's personal columns are hashed with; never shown. Its version goes with every hashed column."""

    key: bytes = field(default=b"", repr=False)
    version: str = "1"

    def treatment(self, entity: EntityConfig, column: str) -> Callable[[str], str] | None:
        """What is done to a column's text before it lands; None: nothing."""
        how = entity.personal.get(column)
        return self.hash_text if how == "hash" else mask_text if how == "mask" else None

    def type_of(self, entity: EntityConfig, column: str, source_type: str) -> str:
        """The column's type as it lands: it tells the treatment, so that another treatment makes another batch."""
        how = entity.personal.get(column)
        return {"hash": f"hash {self.version}", "mask": f"{source_type} mask"}.get(how or "", source_type)

    def hash_text(self, text: str) -> str:
        """HMAC-SHA256 as 64 hex digits of the text without surrounding blanks; an empty text stays empty."""
        trimmed = text.strip()
        return hmac.digest(self.key, trimmed.encode(), "sha256").hex() if trimmed else trimmed


def personal_key(shop: Shop, connections: Connections) -> PersonalKey:
    """The shop's key: the password of the connection `SHOP_key`, its version the extra `version`.

    Raises:
        ConfigError: personal columns are hashed and there is no key, or it is too short to be one.
    """
    if not shop.hashes_personal():
        return PersonalKey()
    connection = connections.get(shop.key_connection)
    if connection is None or len(connection.password) < SHORTEST_KEY:
        what = "no key" if connection is None or not connection.password else "a key that is too short"
        raise ConfigError(
            f"shop {shop.name!r} hashes personal columns, but has {what}; set {PREFIX}{shop.key_connection.upper()} to "
            f"'generic://:KEY@' with a secret of at least {SHORTEST_KEY} characters, and keep it: another key is other persons"
        )
    return PersonalKey(key=connection.password.encode(), version=connection.extra.get("version", "1"))


def treatment_of(column_type: str) -> str:
    """What `PersonalKey.type_of` wrote into a landed column's type: `hash VERSION`, `mask`, or nothing."""
    return column_type if column_type.startswith("hash ") else "mask" if column_type.endswith(" mask") else ""


def mask_text(text: str) -> str:
    """The text with e-mail addresses and phone numbers replaced by `[email]` and `[phone]`."""
    return _PHONE.sub("[phone]", _EMAIL.sub("[email]", text))
