"""A person taken out of the messages that WeChat pushed and that wait in a folder."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shopmine.collect.forgotten import Forgotten
from shopmine.collect.wechat_spool import Spool
from shopmine.publish.removal import names_person

if TYPE_CHECKING:
    from shopmine.config.connections import Connections
    from shopmine.config.shops import Shop

LINES = "pushed messages"


def remove_from_spools(shop: Shop, customer: str, connections: Connections) -> tuple[dict[str, int], dict[str, int]]:
    """Blank the person's lines in every spool of the shop.

    Args:
        shop: whose spools.
        customer: the person's key, as stored.
        connections: those of the shop's sources, whose extras name the folders.

    Returns:
        Lines blanked, and for each source whose folder cannot be looked into, as it is on another machine, a 1.
    """
    blanked, unseen = Counter[str](), Counter[str]()
    for source in shop.sources.values():
        for entity in source.read_entities():
            if entity.api != "messages":
                continue
            connection = connections.get(source.connection)
            if connection is None or not (spool := Spool(connection, entity)).is_here:
                unseen[f"{LINES} of {source.name} (its connection or folder is not known here)"] = 1
                continue
            forgotten = Forgotten.of((entity, *source.derived(entity.name)), frozenset({customer}))
            blanked[LINES] += spool.blank(lambda line, held=forgotten: names_person(line, customer, held))  # type: ignore[misc]
    return dict(blanked), dict(unseen)
