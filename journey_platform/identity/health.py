"""How healthy the identity graph is: sizes, shares and refusals, as numbers that can be watched over days.

Nothing here is personal. Who is who is in `resolve`; what follows from a bad number is in the checks.
"""

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.tables import IDENTITY_HEALTH

LARGEST = "largest_profile"
_GIANT_FACTOR = 10
_SMALL = 20
_RANKS = (1, 2, 3)


def health(
    identifiers: pa.Table, links: pa.Table, touchpoints: Mapping[str, tuple[int, int]], *, day: date
) -> pa.Table:
    """`tables.IDENTITY_HEALTH` of one day.

    `touchpoints`: by vendor, how many there are and how many of them have a profile.
    """
    shared = identifiers.filter(pc.equal(identifiers["status"], "shared"))
    rows = [
        {"day": day, "metric": metric, "of": of, "value": float(value)}
        for metric, of, value in (
            *_sizes(identifiers),
            *_counted("identifiers", identifiers, "status"),
            *_counted("shared_identifiers", shared, "kind"),
            *_counted("links_accepted", links.filter(links["is_accepted"]), "rule"),
            *_counted("links_refused", links.filter(pc.invert(links["is_accepted"])), "reason"),
            *(
                ("share_resolved", vendor, resolved / total)
                for vendor, (total, resolved) in sorted(touchpoints.items())
                if total
            ),
        )
    ]
    return pa.Table.from_pylist(rows, schema=IDENTITY_HEALTH.schema)


def giant(today: pa.Table, earlier: pa.Table) -> str | None:
    """What is wrong with the largest profile: None unless it is ten times what is usual.

    `earlier`: the rows of the days before; usual is the median of their largest, and at least 20.
    """
    before = earlier.filter(pc.equal(earlier["metric"], LARGEST))
    usual = max(float(np.median(before["value"].to_numpy())) if before.num_rows else 0.0, _SMALL)
    largest = pc.max(today.filter(pc.equal(today["metric"], LARGEST))["value"]).as_py() or 0.0
    if not before.num_rows or largest < _GIANT_FACTOR * usual:
        return None
    return f"the largest profile holds {largest:.0f} identifiers, where {usual:.0f} is usual"


def _sizes(identifiers: pa.Table) -> Iterator[tuple[str, str, float]]:
    persons = identifiers["person_key"].drop_null().to_numpy()
    sizes = np.sort(np.unique(persons, return_counts=True)[1])[::-1]
    yield "profiles", "all", len(sizes)
    if not len(sizes):
        return
    yield "identifiers_per_profile", "mean", float(sizes.mean())
    yield "identifiers_per_profile", "99th percentile", float(np.percentile(sizes, 99))
    yield LARGEST, "all", float(sizes[0])
    for rank in _RANKS[: len(sizes)]:
        yield "profile_size_by_rank", str(rank), float(sizes[rank - 1])


def _counted(metric: str, rows: pa.Table, column: str) -> Iterator[tuple[str, str, float]]:
    for entry in sorted(rows[column].value_counts().to_pylist(), key=lambda entry: str(entry["values"])):
        yield metric, str(entry["values"]), entry["counts"]
