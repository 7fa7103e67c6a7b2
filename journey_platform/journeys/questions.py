"""What can be asked of a history: visits, funnels, paths, retentions, activity, attributions, stages and
friction.

Declarations only: each is a struct with what a person writes, defaults and limits. How a file of them is read
is in `declared`; how each is answered is in the module of its name.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec

from journey_platform.journeys.working import PATTERN, BusinessHours, WorkingClock

Duration = Annotated[str, msgspec.Meta(pattern=r"^\d+ (second|minute|hour|day|week)s?$")]
"""As "30 minutes" or "7 days"; a day has 24 hours."""
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}

ConditionText = Annotated[str, msgspec.Meta(min_length=1)]
UnitName = Literal["person", "session", "account"]
Clock = Literal["rolling", "calendar"]
Period = Literal["day", "week", "month"]
BUSINESS = "business"
"""Stands for the hours declared as `business_hours`."""
Model = Literal[
    "first", "last", "last_non_direct", "linear", "position", "time_decay", "custom", "shapley", "markov"
]


def seconds(duration: str) -> int:
    """A duration's seconds. Raises `ValueError` where it is none."""
    found = re.fullmatch(r"(\d+) (second|minute|hour|day|week)s?", duration)
    if found is None:
        raise ValueError(f"{duration!r} is no duration like 30 minutes or 7 days")
    return int(found[1]) * _SECONDS[found[2]]


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all have in common. `question`: what it answers, in words. `where`: which touchpoints are looked
    at at all; people's own ones where nothing else is said. `days`: how far back, from yesterday."""

    question: str = ""
    where: ConditionText | None = None
    days: Annotated[int, msgspec.Meta(ge=1)] = 90
    gap: Duration = "30 minutes"

    def conditions(self) -> Iterator[str]:
        """All conditions it uses, so that what they look at is read."""
        if self.where is not None:
            yield self.where

    def columns(self) -> Iterator[str]:
        """Columns it reads besides."""
        yield from ()

    def looks_at(self) -> Sequence[str]:
        """Conditions; touchpoints that fulfil none of them change no answer. Without any, all may."""
        return ()

    def counts(self) -> str | None:
        """What one touchpoint of a unit fulfils where the unit changes an answer; None where any may."""
        return None


class Visits(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many visits there are. `variant`: what ends one besides a pause of `gap`, as in
    `sessions.VARIANTS`: nothing (stitched), midnight, another campaign; unstitched are those of a device,
    whoever uses it, and universal splits these at both. `by`: a column, or segments, read at the first
    action."""

    variant: Literal["stitched", "unstitched", "midnight", "campaign", "universal"] = "stitched"
    period: Period = "day"
    by: str | None = None

    @property
    def unit(self) -> str:
        """Whose visits they are."""
        return "device" if self.variant in ("unstitched", "universal") else "person"

    def columns(self) -> Iterator[str]:
        yield from ("type", "channel", "device_key", "visit_id")
        if self.variant in ("campaign", "universal"):
            yield from ("traffic_channel", "source", "campaign")
        yield from filter(None, [self.by])


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step: what it is called, which touchpoints fill it, and how long after the step before at most."""

    where: ConditionText
    name: str = ""
    within: Duration | None = None


class Exclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must not happen after step `after` and before step `before` (numbers from 1; all by default)."""

    where: ConditionText
    after: Annotated[int, msgspec.Meta(ge=1)] = 1
    before: int | None = None


class Funnel(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps that units go through. `order`: other touchpoints may lie between (ordered), none may (strict),
    or the steps come as they like (any). `within`: from entry to last step. `attempt`: which of a unit's
    attempts counts: its first, its deepest (of equals the earliest), or every one. `hold`: a column that
    stays the same over an attempt. `entry`: a further condition on the touchpoint that enters. `by`: a
    column, or segments, read at the entry. `week`: the working week that windows and times are measured in,
    as in `working.PATTERN`, or the declared `BUSINESS` hours; all of it where nothing is said."""

    steps: Annotated[list[Step | str], msgspec.Meta(min_length=2)]
    order: Literal["ordered", "strict", "any"] = "ordered"
    within: Duration = "7 days"
    attempt: Literal["first", "deepest_earliest", "every"] = "first"
    unit: UnitName = "person"
    without: list[Exclusion | str] = []
    hold: str | None = None
    entry: ConditionText | None = None
    by: str | None = None
    week: Annotated[str, msgspec.Meta(pattern=f"{PATTERN}|^{BUSINESS}$")] | BusinessHours | None = None

    def __post_init__(self) -> None:
        if isinstance(self.week, str) and self.week != BUSINESS:
            BusinessHours(week=self.week)
        if self.order == "any" and (self.without or any(step.within for step in self.named())):
            raise ValueError("in a funnel of any order, steps have no window and no exclusion of their own")
        for rule in self.excluded():
            if not (1 <= rule.after < (rule.before or len(self.steps)) <= len(self.steps)):
                raise ValueError("an exclusion lies after one of the steps and before a later one")

    def clock(self, zone: str) -> WorkingClock | None:
        """What windows and times are measured by, where it is not the time of day."""
        if self.week is None:
            return None
        hours = BusinessHours(week=self.week) if isinstance(self.week, str) else self.week
        return hours.clock(zone)

    def named(self) -> list[Step]:
        """The steps, each with a name."""
        steps = [Step(where=step) if isinstance(step, str) else step for step in self.steps]
        return [msgspec.structs.replace(step, name=step.name or step.where) for step in steps]

    def excluded(self) -> list[Exclusion]:
        """The exclusions; a condition alone holds for all steps."""
        return [Exclusion(where=rule) if isinstance(rule, str) else rule for rule in self.without]

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from (step.where for step in self.named())
        yield from (rule.where for rule in self.excluded())
        yield from filter(None, [self.entry])

    def columns(self) -> Iterator[str]:
        yield from filter(None, [self.hold, self.by])

    def looks_at(self) -> Sequence[str]:
        if self.order == "strict" or self.unit == "session":
            return ()
        return [*(step.where for step in self.named()), *(rule.where for rule in self.excluded())]

    def counts(self) -> str | None:
        return self.named()[0].where if self.looks_at() and self.order == "ordered" else None


class Paths(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes after `start`, before `end`, or between both; with neither, the whole history of a unit.

    `node`: the column that names a touchpoint; its type where that is null. `names`: names for touchpoints
    that a condition holds for; the first that does. `steps`: nodes of a path at most. `top`: nodes of a step
    that keep their name, and whole paths shown; the rest are "Others". `within`: from the anchor at most.
    `converted`: touchpoints that tell converted units from dropped ones. `parts`: those told; all without."""

    start: ConditionText | None = None
    end: ConditionText | None = None
    node: str = "type"
    names: dict[str, ConditionText] = {}
    steps: Annotated[int, msgspec.Meta(ge=2, le=20)] = 5
    top: Annotated[int, msgspec.Meta(ge=1)] = 5
    has_repeats: bool = False
    count: Literal["uniques", "totals"] = "uniques"
    within: Duration = "1 day"
    converted: ConditionText | None = None
    parts: list[Literal["link", "step", "transition", "path"]] = []
    unit: UnitName = "person"

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from filter(None, [self.start, self.end, self.converted])
        yield from self.names.values()

    def columns(self) -> Iterator[str]:
        yield from ("type", self.node)


class Retention(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who comes back. A unit enters with its first touchpoint that `start` holds for. `returning`: what
    counts as coming back. `counted`: in exactly that period, in it or later, or in one of `brackets` (first
    and last period of each). `clock`: periods run from the entry (rolling: 24 hours, 7 or 30 days) or
    are those of the calendar."""

    start: ConditionText
    returning: ConditionText
    period: Period = "week"
    periods: Annotated[int, msgspec.Meta(ge=1, le=100)] = 8
    counted: Literal["exactly", "or_later", "brackets"] = "exactly"
    brackets: list[tuple[int, int]] = []
    clock: Clock = "calendar"
    unit: Literal["person", "account"] = "person"

    def __post_init__(self) -> None:
        if (self.counted == "brackets") != bool(self.brackets):
            raise ValueError("brackets are given where, and only where, `counted` is brackets")
        if any(not 0 <= first <= last for first, last in self.brackets):
            raise ValueError("a bracket goes from a period to a later one")

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from self.looks_at()

    def looks_at(self) -> Sequence[str]:
        return self.start, self.returning

    def counts(self) -> str | None:
        return None if self.start == self.returning else self.start


class Activity(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is active: stickiness, lifecycle and churn by period. `active`: what counts. `lapse`: without
    activity for so many days, a unit has churned. `started`, `ended`: touchpoints that begin and end a
    contract, for the churn of contracts."""

    active: ConditionText
    period: Period = "week"
    lapse_days: Annotated[int, msgspec.Meta(ge=1)] = 30
    started: ConditionText | None = None
    ended: ConditionText | None = None
    unit: Literal["person", "account"] = "person"

    def __post_init__(self) -> None:
        if (self.started is None) != (self.ended is None):
            raise ValueError("contracts have both `started` and `ended`")

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from self.looks_at()

    def looks_at(self) -> Sequence[str]:
        return [self.active, *filter(None, [self.started, self.ended])]


class Attribution(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which touches earn a conversion. `touch`: what counts as one; `channel`: the column of who earns.
    `direct`: the channel that last non-direct passes over. `weights`: first, middle and last for the custom
    model. `order`: touches that a state of the Markov chain remembers. `models`: those told; all without."""

    conversion: ConditionText
    touch: ConditionText
    channel: str = "traffic_channel"
    lookback: Duration = "30 days"
    half_life: Duration = "7 days"
    direct: str = "Direct"
    weights: tuple[float, float, float] | None = None
    order: Annotated[int, msgspec.Meta(ge=1, le=4)] = 1
    models: list[Model] = []
    unit: Literal["person", "account"] = "person"

    def __post_init__(self) -> None:
        if self.weights is not None and (min(self.weights) < 0 or sum(self.weights) <= 0):
            raise ValueError("weights are not negative, and one of them is above zero")

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from self.looks_at()

    def columns(self) -> Iterator[str]:
        yield from (self.channel, "value")

    @property
    def has_nulls(self) -> bool:
        """Whether a model looks at what did not convert."""
        return not self.models or "markov" in self.models

    def looks_at(self) -> Sequence[str]:
        return self.conversion, self.touch

    def counts(self) -> str | None:
        return None if self.has_nulls else self.conversion


class Stages(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Stages, in order, each with the touchpoints that put a unit there; of several the furthest. `map_by`:
    the column that divides a stage on the map. `quiet_days`: without a touchpoint for so long, a unit that
    is not in the last stage has dropped off where it was."""

    stages: Annotated[dict[str, ConditionText], msgspec.Meta(min_length=2)]
    map_by: str = "channel"
    quiet_days: Annotated[int, msgspec.Meta(ge=1)] = 30
    unit: Literal["person", "account"] = "person"

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield from self.stages.values()

    def columns(self) -> Iterator[str]:
        yield from (self.map_by, "value", "unit", "sentiment")


class Friction(Question, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where people struggle, by page. `conversion`: what sessions are for, to size what is lost. `weights`:
    points of each signal. `threshold`: points from which a session is counted as one with friction."""

    conversion: ConditionText
    weights: dict[
        Literal["error", "rage_click", "error_click", "dead_click", "quick_back", "retry"], float
    ] = {}
    threshold: Annotated[float, msgspec.Meta(gt=0)] = 6.0

    def conditions(self) -> Iterator[str]:
        yield from super().conditions()
        yield self.conversion

    def columns(self) -> Iterator[str]:
        yield from ("type", "page", "reason", "value", "dwell_s")
