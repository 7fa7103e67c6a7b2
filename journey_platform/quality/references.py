"""Rules between streams: the record that another one names is there.

Which stream names which is declared beside it in `suites`. A row is never refused for it: what it names may
come later, and its own facts are sound all the same. So it is used, and listed until the other record came;
and it is not judged before the other stream was asked after it happened.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.quality.gate import check_columns, judged
from journey_platform.quality.rules import Reference, Suite, is_present


@dataclass(frozen=True)
class Referred:
    """What one rule says of some rows, by day: those that name something, those of them that cannot be judged
    yet, and the positions of those that name what is not there. `is_broken`: it could not be evaluated."""

    checked: Counter[date]
    waiting: Counter[date]
    dangling: tuple[int, ...]
    is_broken: bool = False


def named(rows: pa.Table, paths: Sequence[str]) -> list[list[str | None]] | None:
    """The texts at some JSON paths of raw rows' bodies, path by path; None where they cannot be read."""
    if not rows.num_rows:
        return [[] for _ in paths]
    fields = {f"named_{place}": path for place, path in enumerate(paths)}
    frame = check_columns(rows, Suite(rules=tuple(is_present(name, name) for name in fields), fields=fields))
    if frame is None:
        return None
    return [[None if value != value else value for value in frame[name].astype(object)] for name in fields]


def referred(
    reference: Reference,
    rows: pa.Table,
    names: Sequence[str | None] | None,
    known: Collection[str] | None,
    *,
    asked_at: datetime | None,
) -> Referred:
    """Judge raw `rows`, which name `names`. `known`: what the other stream has; `asked_at`: when it was asked
    last, None for never. Each name is judged once, by Great Expectations like any rule."""
    import pandas as pd

    days: list[date] = rows["day"].to_pylist()
    if names is None or known is None:
        return Referred(Counter(days), Counter(), (), is_broken=True)
    is_late = (
        [True] * len(days)
        if asked_at is None
        else pc.greater(
            rows["occurred_at"], pa.scalar(asked_at, rows.schema.field("occurred_at").type)
        ).to_pylist()
    )
    checked, waiting = Counter[date](), Counter[date]()
    places: dict[str, list[int]] = {}
    for place, (day, name, late) in enumerate(zip(days, names, is_late, strict=True)):
        if name is None:
            continue
        checked[day] += 1
        waiting[day] += bool(late)
        if not late:
            places.setdefault(name, []).append(place)
    if not places:
        return Referred(checked, waiting, ())
    distinct = sorted(places)
    frame = pd.DataFrame({reference.rule.column: [name in known for name in distinct]})
    verdict = judged(frame, [reference.rule], len(distinct))
    dangling = sorted(place for found in verdict.findings for place in places[distinct[found.position]])
    is_broken = any(result.error for result in verdict.results)
    return Referred(checked, waiting, tuple(dangling), is_broken)
