"""Days on which touchpoints change hands because identifiers do.

Between two tables of identifiers over the same observations. Who belongs to whom is decided in
`identity.resolve`, which of its identifiers decides for a touchpoint in `identity.assign`.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.engine import Engine
from journey_platform.identity.assign import carrying
from journey_platform.identity.normalise import Spelling
from journey_platform.lake import Lake
from journey_platform.stewardship.inputs import touchpoint_tables
from journey_platform.tables import JOURNEY_TOUCHPOINTS

if TYPE_CHECKING:
    import ibis.expr.types as ir

COLUMNS = ("identifier_key", "kind", "person_key")
"""What is read of `tables.IDENTIFIERS_TABLE`."""


def days_changing_hands(
    lake: Lake,
    engine: Engine,
    before: pa.Table,
    after: pa.Table,
    *,
    sources: Sequence[str],
    secret: bytes,
    spelling: Spelling,
) -> set[date]:
    """Days on which those appear who lose an identifier, and days with a touchpoint that carries one found.

    An identifier is found where it belonged to nobody and has a profile now. What carries it may have fallen
    back to any other identifier, and so to anybody: it is looked for itself, in the tables of `sources`.
    Needs `COLUMNS` of both tables.
    """
    moved = _moved(engine, before, after)
    days = _days_of(engine, moved.before)
    found = engine.arrow(moved.filter(moved.before.isnull()).select("identifier_key", "kind"))
    # Seldom: nothing but an unblocked identifier, or one that is no longer shared.
    if found.num_rows:
        for table in touchpoint_tables(sources):
            rows = lake.read(table, columns=("day", "identifiers"))
            is_carrying = carrying(rows["identifiers"], found, secret=secret, spelling=spelling)
            days.update(pc.unique(rows["day"].filter(is_carrying)).to_pylist())
    return days


def days_of_gainers(engine: Engine, before: pa.Table, after: pa.Table) -> set[date]:
    """Days on which those appear whom an identifier goes to."""
    return _days_of(engine, _moved(engine, before, after).after)


def _moved(engine: Engine, before: pa.Table, after: pa.Table) -> "ir.Table":
    """Identifiers that both tables know and that belong to another: identifier_key, kind, before, after."""
    old, new = (engine.memtable(table.select(COLUMNS)) for table in (before, after))
    both = old.join(new, "identifier_key", rname="new_{name}")
    moved = both.filter(~both.person_key.identical_to(both.new_person_key))
    return moved.select("identifier_key", "kind", before="person_key", after="new_person_key")


def _days_of(engine: Engine, people: "ir.Column") -> set[date]:
    """Days with a touchpoint of one of these; nobody is none of them."""
    listed = people.name("person_key").as_table().distinct()
    days = engine.table(JOURNEY_TOUCHPOINTS).semi_join(listed, "person_key").select("day").distinct()
    return set(engine.arrow(days)["day"].to_pylist())
