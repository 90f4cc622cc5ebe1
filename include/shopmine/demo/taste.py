"""What a member of the demo shop picks: a few favourites again and again, else what fits its categories and styles."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.catalogue import CATEGORIES, Catalogue
from shopmine.demo.members import ARCHETYPES, Members
from shopmine.demo.sizes import random_stream

N_FAVOURITES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Taste:
    """What a member may pick, ready for drawing.

    Attributes:
        ordered: (n_products,) product numbers by pool.
        pool_start: (n_pools + 1,) where each pool begins in `ordered`.
        cumulative: (n_archetypes, n_products + 1) sums of the weights in that order.
        favourites: (n_members, N_FAVOURITES) product numbers.
    """

    catalogue: Catalogue
    members: Members
    ordered: npt.NDArray[np.int64]
    pool_start: npt.NDArray[np.int64]
    cumulative: npt.NDArray[np.float64]
    favourites: npt.NDArray[np.int64]


def make_taste(catalogue: Catalogue, members: Members, seed: int) -> Taste:
    """Weights of each pool for each archetype, and each member's favourites drawn from them."""
    ordered = np.argsort(catalogue.pool, kind="stable")
    n_pools = len(CATEGORIES) * catalogue.n_styles
    log_price = np.log(catalogue.price_cents)
    category_mean = np.bincount(catalogue.category, log_price) / np.bincount(catalogue.category)
    relative = log_price - category_mean[catalogue.category]
    cumulative = np.zeros((len(ARCHETYPES), len(ordered) + 1))
    for code, archetype in enumerate(ARCHETYPES):
        weight = catalogue.popularity * np.exp(archetype.price_taste * relative)
        cumulative[code, 1:] = np.cumsum(weight[ordered])
    taste = Taste(
        catalogue=catalogue,
        members=members,
        ordered=ordered,
        pool_start=np.searchsorted(catalogue.pool[ordered], np.arange(n_pools + 1)),
        cumulative=cumulative,
        favourites=np.empty((0, N_FAVOURITES), dtype=np.int64),
    )
    rng = random_stream(seed, "favourites")
    picks = draw_by_taste(taste, np.repeat(np.arange(len(members)), N_FAVOURITES), rng)
    return replace(taste, favourites=picks.reshape(-1, N_FAVOURITES))


def draw_products(taste: Taste, member: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """A product for each member: one of its favourites, or anything that it likes."""
    repeat = np.array([a.repeat for a in ARCHETYPES])[taste.members.archetype[member]]
    slot = (N_FAVOURITES * rng.random(len(member)) ** 1.5).astype(np.int64)
    favourite = taste.favourites[member, slot]
    return np.where(rng.random(len(member)) < repeat, favourite, draw_by_taste(taste, member, rng))


def draw_by_taste(taste: Taste, member: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """A product for each member, by its categories and styles; one in seven in a style that it does not care for."""
    n_styles = taste.catalogue.n_styles
    share = taste.members.category_share[member]
    category = np.minimum((rng.random((len(member), 1)) > share).sum(axis=1), share.shape[1] - 1)
    liked = taste.members.style[member, category].astype(np.int64)
    style = np.where(rng.random(len(member)) < 6 / 7, liked, rng.integers(0, n_styles, len(member)))
    pool = category * n_styles + style
    first, end = taste.pool_start[pool], taste.pool_start[pool + 1]
    archetype = taste.members.archetype[member]
    low, high = taste.cumulative[archetype, first], taste.cumulative[archetype, end]
    at = low + rng.random(len(member)) * (high - low)
    position = np.empty(len(member), dtype=np.int64)
    for code in range(len(ARCHETYPES)):
        own = archetype == code
        position[own] = np.searchsorted(taste.cumulative[code], at[own], side="right") - 1
    return taste.ordered[np.clip(position, first, end - 1)]
