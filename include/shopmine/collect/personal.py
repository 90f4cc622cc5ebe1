"""Personal columns: hashed with the shop's key or masked before anything lands. (Dropped ones are never read.)."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from shopmine.collect.masking import mask_text
from shopmine.config.connections import PREFIX, Connections
from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.config.shops import Shop

SHORTEST_KEY: Final = 16
# Raised when masking finds more, so that what it missed is read and masked again.
_MASK: Final = " mask 2"


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
        return {"hash": f"hash {self.version}", "mask": f"{source_type}{_MASK}"}.get(how or "", source_type)

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
            f"shop {shop.name!r} hashes personal columns, but has {what}: a secret of at least {SHORTEST_KEY} characters; set "
            f"{PREFIX}{shop.key_connection.upper()}=generic://:KEY@ in connections.env of the state folder, by this one command: "
            f"{_how_to_make(shop)} (with Airflow elsewhere: a connection {shop.key_connection!r} of type generic whose password "
            "it is); keep a copy of it: with another key all persons are others"
        )
    return PersonalKey(key=connection.password.encode(), version=connection.extra.get("version", "1"))


def _how_to_make(shop: Shop) -> str:
    """A command that adds a new key to the local installation's connections."""
    name = f"{PREFIX}{shop.key_connection.upper()}"
    return f'echo "{name}=generic://:$(openssl rand -hex 32)@" >> "${{SHOPMINE_HOME:-.shopmine}}/connections.env"'


def treatment_of(column_type: str) -> str:
    """What `PersonalKey.type_of` wrote into a landed column's type: `hash VERSION`, `mask VERSION`, or nothing."""
    if column_type.startswith("hash "):
        return column_type
    _, is_masked, version = column_type.rpartition(" mask")
    return f"mask{version}" if is_masked else ""
