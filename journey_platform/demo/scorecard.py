"""How far the platform's tables are from the demo company's truth: KPI parts, and who is who."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from journey_platform.demo.truth import Identifier, partition
from journey_platform.demo.world import Truth
from journey_platform.lake import Lake
from journey_platform.tables import IDENTIFIERS_TABLE, kpis_table

_STAGES = ("early", "middle", "late", "business")
Key = tuple[str, str, date, str]
Parts = tuple[float, float | None]


@dataclass(frozen=True)
class KpiScore:
    """One KPI: how many of its values were compared, how many are equal, the largest difference of a part."""

    kpi: str
    compared: int
    equal: int
    largest_difference: float


@dataclass(frozen=True)
class IdentityScore:
    """Profiles against the partition that the emitted evidence allows. Pairs are pairs of identifiers."""

    profiles_expected: int
    profiles_equal: int
    precision: float
    recall: float


def score_kpis(lake: Lake, kpis: Mapping[Key, Parts], first_day: date) -> list[KpiScore]:
    """Compare numerator and denominator of every published value with the truth of the `kpis`.

    A week that began before `first_day` is not published, and not compared. Nothing to count may stand as
    zeros or not at all; so must all that is published of a KPI of which the truth tells nothing, as of a
    quantile that too few ever reach.
    """
    published = dict(_published(lake))
    told = {key[0] for key in kpis}
    untold = {key: (0.0, None) for key in published if key[0] not in told}
    scores: dict[str, list[float]] = {}
    for key, (above, below) in {**kpis, **untold}.items():
        if key[2] >= first_day:
            found_above, found_below = published.get(key, (0.0, 0.0 if below is not None else None))
            difference = max(abs(found_above - above), abs((found_below or 0.0) - (below or 0.0)))
            scores.setdefault(key[0], []).append(difference)
    return [
        KpiScore(kpi, len(differences), differences.count(0.0), max(differences))
        for kpi, differences in sorted(scores.items())
    ]


def score_identity(lake: Lake, truth: Truth) -> IdentityScore:
    """Compare the profiles with the truth's partition, over the identifiers that arrived."""
    rows = lake.read(IDENTIFIERS_TABLE, columns=("kind", "value", "person_key"))
    person: dict[Identifier, int | None] = {
        (kind, value): key for kind, value, key in zip(*(c.to_pylist() for c in rows.columns), strict=True)
    }
    expected = [arrived for profile in partition(truth) if (arrived := frozenset(profile & person.keys()))]
    of_expected = {identifier: n for n, profile in enumerate(expected) for identifier in profile}
    found: dict[int, set[Identifier]] = {}
    for identifier, key in person.items():
        if key is not None and identifier in of_expected:
            found.setdefault(key, set()).add(identifier)
    wrong = sum(
        of_expected[left] != of_expected[right]
        for profile in found.values()
        for left, right in combinations(profile, 2)
    )
    pairs_found = sum(_pairs(len(profile)) for profile in found.values())
    pairs_expected = sum(_pairs(len(profile)) for profile in expected)
    equal = Counter(frozenset(profile) for profile in found.values()) & Counter(expected)
    return IdentityScore(
        profiles_expected=len(expected),
        profiles_equal=equal.total(),
        precision=1 - wrong / pairs_found if pairs_found else 1.0,
        recall=(pairs_found - wrong) / pairs_expected if pairs_expected else 1.0,
    )


def _pairs(size: int) -> int:
    return size * (size - 1) // 2


def _published(lake: Lake) -> Iterator[tuple[Key, Parts]]:
    columns = ("kpi", "period", "day", "dimension", "dimension_value", "numerator", "denominator")
    for stage in _STAGES:
        for row in lake.read(kpis_table(stage), columns=columns).to_pylist():
            divided = row["dimension"] != "all"
            value = f"{row['dimension']}={row['dimension_value']}" if divided else "all"
            yield (
                (row["kpi"], row["period"], row["day"], value),
                (row["numerator"] or 0.0, row["denominator"]),
            )
