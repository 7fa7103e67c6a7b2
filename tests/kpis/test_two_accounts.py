"""People of several accounts, in KPIs that count accounts' people."""

from datetime import date, timedelta

import pyarrow as pa
import pytest

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.members import Cell, members, recompute
from journey_platform.tables import ACCOUNT_USERS
from tests.kpis import made

MONDAY = date(2026, 3, 2)


def users(*rows: tuple[int, str, int, bool, bool]) -> pa.Table:
    """(person, company, day of the first use, added later, the person's main account)."""
    said = [
        {
            "account_key": sum(company.encode()),
            "person_key": person,
            "company": company,
            "first_use_day": MONDAY + timedelta(days=day),
            "days": [MONDAY + timedelta(days=day)],
            "is_added": is_added,
            "is_main": is_main,
        }
        for person, company, day, is_added, is_main in rows
    ]
    return pa.Table.from_pylist(said, schema=ACCOUNT_USERS.schema)


READ = {
    ACCOUNT_USERS: users(
        (1, "Eik", 0, False, True),
        (2, "Eik", 0, True, True),
        (2, "Fjord", 0, False, False),
        (3, "Fjord", 2, True, True),
    )
}


@pytest.mark.parametrize(
    ("of", "parts"),
    [
        pytest.param("Eik", (1.0, 2.0), id="an account"),
        pytest.param("Fjord", (1.0, 2.0), id="the other, with the consultant too"),
        pytest.param("all", (2.0, 3.0), id="all: three people, not four"),
    ],
)
def test_who_is_of_two_accounts_counts_in_each_and_once_in_all(of: str, parts: tuple[float, float]) -> None:
    dimension = "all" if of == "all" else "company"
    rows = made.count(READ, ["users_added"], [MONDAY], as_of=MONDAY + timedelta(days=60)).to_pylist()
    [week] = [
        row
        for row in rows
        if (row["period"], row["dimension"], row["dimension_value"]) == ("week", dimension, of)
    ]
    assert (week["numerator"], week["denominator"]) == parts
    cell = Cell(KPIS["users_added"], "week", MONDAY, dimension, of)
    behind = members(cell, made.Tables(READ), as_of=MONDAY + timedelta(days=60))
    again = recompute(cell.kpi, behind.units)
    assert (again.numerator, again.denominator) == parts
