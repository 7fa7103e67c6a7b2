"""The figures of a day, which rules about days look at: rows, rows that failed, fields, mixes.

A figure is null where the days before do not suffice to compare with, and a rule passes a null. What a day
shows of itself (`observed`) is kept with its verdict and is what later days are compared with.
"""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import msgspec

_SAMPLED_ROWS = 1000
_WEEKS = 8
_FEWEST_WEEKS = 3
_DAYS = 28
_FEWEST_DAYS = 7
_HANDFUL = 3
_FEW_ROWS = 10
_FAIR_ROWS = 20
_FEWEST_SHOWN = 30
_FEWEST_HISTORY = 200
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KINDS = {ord("{"): "object", ord("["): "array", ord('"'): "string", ord("t"): "boolean", ord("f"): "boolean"}

Counts = Mapping[str, int]


@dataclass
class Observed:
    """What one day shows: rows offered, rows that an error rule rejects, values of categories, and of a
    sample of rows the types of each field of the raw record."""

    rows: int = 0
    failed: int = 0
    categories: dict[str, Counter[str]] = field(default_factory=dict)
    types: dict[str, Counter[str]] = field(default_factory=dict)
    sampled: int = 0

    def sample(self, bodies: Sequence[str]) -> None:
        """Take the fields of some of these bodies, evenly spread."""
        wanted = max(0, _SAMPLED_ROWS - self.sampled)
        step = max(1, math.ceil(len(bodies) / wanted)) if wanted else 0
        for body in bodies[::step] if step else ():
            try:
                fields = _object.decode(body)
            except msgspec.MsgspecError:
                continue
            self.sampled += 1
            for name, value in fields.items():
                self.types.setdefault(name, Counter())[_kind(bytes(value))] += 1


def volume(observed: Observed, before: Iterable[int]) -> dict[str, float | None]:
    """Rows beside the median of the same weekday in the weeks before, with what chance and those weeks'
    own spread allow. Too many are measured against a fair number: where a day has a handful of rows, one
    customer's bad day is many times as much."""
    weeks = list(before)
    if len(weeks) < _FEWEST_WEEKS or not (usual := statistics.median(weeks)):
        return {"usual": None, "share_of_usual": None, "excess_over_usual": None}
    spread = statistics.median(abs(rows - usual) for rows in weeks)
    allowance = 5 + 1.5 * math.sqrt(usual) + 1.5 * spread
    return {
        "usual": usual,
        "share_of_usual": (observed.rows + allowance) / usual,
        "excess_over_usual": (observed.rows - allowance) / max(usual, _FAIR_ROWS),
    }


def share_failed(observed: Observed, refused: int, received: int) -> float:
    """The share of rejected rows; of the whole pull's records those that fit no day, if that is more. A
    handful counts as none."""
    of_day = observed.failed / observed.rows if observed.failed > _HANDFUL else 0.0
    of_pull = refused / received if refused > _HANDFUL else 0.0
    return max(of_day, of_pull)


def share_kept(observed: Observed, before: int | None) -> float | None:
    """Rows beside what the day held when it was read last; a few rows less are no loss, none left is."""
    if not before:
        return None
    return 1.0 if observed.rows and before - observed.rows <= _FEW_ROWS else observed.rows / before


def shift(now: Counts, before: Sequence[Counts]) -> float | None:
    """Half the sum of the differences of shares (total variation), less twice what chance makes of it."""
    pooled: Counter[str] = Counter()
    for day in before:
        pooled.update(day)
    n, total = sum(now.values()), pooled.total()
    if len(before) < _FEWEST_DAYS or n < _FEWEST_SHOWN or total < _FEWEST_HISTORY:
        return None
    distance, chance = 0.0, 0.0
    for value in {*now, *pooled}:
        share = pooled[value] / total
        distance += abs(now.get(value, 0) / n - share) / 2
        chance += math.sqrt(share * (1 - share) * (1 / n + 1 / total) / (2 * math.pi))
    return max(0.0, distance - 2 * chance)


def drift(observed: Observed, before: Sequence[Mapping[str, Counts]]) -> dict[str, list[str] | None]:
    """Names of fields that are new, missing, or of a type that the days before did not have."""
    known: dict[str, Counter[str]] = {}
    for day in before:
        for name, kinds in day.items():
            known.setdefault(name, Counter()).update(kinds)
    most = max((kinds.total() for kinds in known.values()), default=0)
    if len(before) < _FEWEST_DAYS or most < _FEWEST_HISTORY or observed.sampled < _FEWEST_SHOWN:
        return {"new_fields": None, "missing_fields": None, "retyped_fields": None}
    enough = max(_HANDFUL, observed.sampled // 100)
    always = (name for name, kinds in known.items() if kinds.total() >= 0.99 * most)
    return {
        "new_fields": sorted(
            n for n, kinds in observed.types.items() if n not in known and kinds.total() >= enough
        ),
        "missing_fields": sorted(n for n in always if _shown(observed, n) < observed.sampled / 2),
        "retyped_fields": sorted(
            name
            for name, kinds in observed.types.items()
            if set(known.get(name, ())) - {"null"}
            and any(kind not in known[name] and kind != "null" and n >= enough for kind, n in kinds.items())
        ),
    }


def same_weekdays(day: date) -> list[date]:
    return [day - timedelta(weeks=n) for n in range(1, _WEEKS + 1)]


def days_before(day: date) -> list[date]:
    return [day - timedelta(days=n) for n in range(1, _DAYS + 1)]


def history_of(days: Iterable[date]) -> set[date]:
    """The days whose figures are compared with those of `days`."""
    return {before for day in days for before in (*same_weekdays(day), *days_before(day))}


def _shown(observed: Observed, name: str) -> int:
    return observed.types.get(name, Counter()).total()


def _kind(value: bytes) -> str:
    first = value.lstrip()[:1]
    return "null" if first == b"n" else _KINDS.get(first[0], "number") if first else "null"
