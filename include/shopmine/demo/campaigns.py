"""Campaigns of the demo shop. One is a trial with a control group and an audience that it really persuades."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import numpy.typing as npt

from shopmine.demo.members import ARCHETYPES, Members
from shopmine.demo.seasons import all_days, draw_times
from shopmine.demo.sizes import DemoSize, random_stream

REDEEM_SHARE: Final = 0.15  # of those who were sent a coupon and order while it holds
TRIAL_EFFECT: Final = 0.8  # probability of one more order, for the persuadable who were sent the trial
COUPON_DISCOUNT: Final = 10  # per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign; `share` of the members registered before it are sent it, drawn at random. `ends` None: left open."""

    code: str
    name: str
    channel: str
    starts: date
    n_days: int
    share: float
    cost_cents: int
    is_open_ended: bool = False
    is_trial: bool = False


CAMPAIGNS: Final = (
    Campaign(
        code="DOUBLE11-2023",
        name="双11狂欢",
        channel="sms",
        starts=date(2023, 11, 8),
        n_days=6,
        share=0.6,
        cost_cents=8_000_00,
    ),
    Campaign(
        code="618-2024",
        name="618大促",
        channel="sms",
        starts=date(2024, 6, 14),
        n_days=7,
        share=0.6,
        cost_cents=6_000_00,
    ),
    Campaign(
        code="DOUBLE11-2024",
        name="双11狂欢",
        channel="sms",
        starts=date(2024, 11, 8),
        n_days=6,
        share=0.6,
        cost_cents=9_000_00,
    ),
    Campaign(
        code="MEMBER-DAY",
        name="会员日 ＶＩＰ",
        channel="wechat",
        starts=date(2025, 3, 20),
        n_days=5,
        share=0.4,
        cost_cents=1_500_50,
        is_open_ended=True,
    ),
    Campaign(
        code="SPRING-2025",
        name="春季唤醒",
        channel="wechat",
        starts=date(2025, 4, 21),
        n_days=14,
        share=0.5,
        cost_cents=2_000_00,
        is_trial=True,
    ),
    Campaign(
        code="618-2025",
        name="618大促 🎉",
        channel="sms",
        starts=date(2025, 6, 14),
        n_days=7,
        share=0.6,
        cost_cents=7_500_00,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sendings:
    """Who was sent what: one row a campaign and member, by campaign, then member.

    Attributes:
        campaign: index into `CAMPAIGNS`.
        member: index.
        at: when it was sent.
        is_opened, is_clicked: whether, and `opened_at`, `clicked_at`: when (sent < opened < clicked).
    """

    campaign: npt.NDArray[np.int64]
    member: npt.NDArray[np.int64]
    at: npt.NDArray[np.datetime64]
    is_opened: npt.NDArray[np.bool_]
    is_clicked: npt.NDArray[np.bool_]
    opened_at: npt.NDArray[np.datetime64]
    clicked_at: npt.NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The planted effect: (n,) member indices and days of the orders that the trial caused; everyone who was in it."""

    campaign: int
    treated: npt.NDArray[np.int64]
    control: npt.NDArray[np.int64]
    persuadable: npt.NDArray[np.int64]
    extra_member: npt.NDArray[np.int64]
    extra_day: npt.NDArray[np.int64]


def shown_campaigns(size: DemoSize) -> list[int]:
    """Campaigns within the days of this size."""
    return [i for i, campaign in enumerate(CAMPAIGNS) if campaign.starts >= size.first_day]


def is_persuadable(members: Members) -> npt.NDArray[np.bool_]:
    """Whether the trial makes such a member order: the bargain hunters, and nobody else."""
    bargain = [a.name for a in ARCHETYPES].index("bargain")
    return np.equal(members.archetype, bargain)


def send_campaigns(size: DemoSize, members: Members, seed: int) -> Sendings:
    """Draw who is sent each campaign, and who opens and clicks."""
    rng = random_stream(seed, "campaigns")
    who, which, when = [], [], []
    for number in shown_campaigns(size):
        campaign = CAMPAIGNS[number]
        eligible = np.flatnonzero(members.registered < np.datetime64(campaign.starts))
        sent = np.sort(rng.permutation(eligible)[: round(len(eligible) * campaign.share)])
        who.append(sent)
        which.append(np.full(len(sent), number))
        morning = np.datetime64(campaign.starts, "s") + np.timedelta64(10 * 3600, "s")
        when.append(morning + rng.integers(0, 3600, len(sent)).astype("timedelta64[s]"))
    member, at = np.concatenate(who), np.concatenate(when)
    opens = rng.random(len(member)) < np.where(is_persuadable(members)[member], 0.7, 0.4)
    clicks = opens & (rng.random(len(member)) < 0.4)
    opened_at = at + rng.integers(60, 6 * 3600, len(member)).astype("timedelta64[s]")
    return Sendings(
        campaign=np.concatenate(which),
        member=member,
        at=at,
        is_opened=opens,
        is_clicked=clicks,
        opened_at=opened_at,
        clicked_at=opened_at + rng.integers(5, 600, len(member)).astype("timedelta64[s]"),
    )


def make_trial(size: DemoSize, members: Members, sendings: Sendings, seed: int) -> Trial:
    """The trial's groups, and the orders it causes on the 2nd to last day of the campaign."""
    rng = random_stream(seed, "trial")
    number = next(i for i, campaign in enumerate(CAMPAIGNS) if campaign.is_trial)
    campaign = CAMPAIGNS[number]
    eligible = np.flatnonzero(members.registered < np.datetime64(campaign.starts))
    treated = sendings.member[sendings.campaign == number]
    persuaded = treated[is_persuadable(members)[treated]]
    persuaded = persuaded[rng.random(len(persuaded)) < TRIAL_EFFECT]
    first = int((np.datetime64(campaign.starts) - np.datetime64(size.first_day)).astype(int))
    return Trial(
        campaign=number,
        treated=treated,
        control=np.setdiff1d(eligible, treated),
        persuadable=eligible[is_persuadable(members)[eligible]],
        extra_member=persuaded,
        extra_day=first + rng.integers(1, campaign.n_days, len(persuaded)),
    )


def campaign_days(size: DemoSize, number: int) -> npt.NDArray[np.datetime64]:
    """The days of a campaign."""
    days = all_days(size)
    start = np.datetime64(CAMPAIGNS[number].starts, "D")
    return days[(days >= start) & (days < start + CAMPAIGNS[number].n_days)]


def order_times(size: DemoSize, day: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.datetime64]:
    """A time for each order on the day of this index."""
    return draw_times(all_days(size)[day], rng)
