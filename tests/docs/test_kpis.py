"""docs/kpis.md holds every declaration as it is, and its examples are declarations that work."""

import re
from datetime import date
from pathlib import Path

from journey_platform.kpis import definition
from journey_platform.kpis.dimensions import DIMENSIONS
from journey_platform.kpis.early import SESSIONS as OF_SESSIONS
from journey_platform.kpis.early import WEB
from journey_platform.kpis.parts import parts
from journey_platform.kpis.reference import reference
from journey_platform.tables import SESSIONS
from tests.kpis.made import Tables, sessions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "kpis.md").read_text(encoding="utf-8")


def test_the_reference_is_made_from_the_catalogue() -> None:
    assert PAGE.partition("<!-- reference -->\n")[2] == reference() + "\n"


def test_the_kpi_that_the_page_declares_can_be_counted_by_its_dimensions() -> None:
    [kpi, dimension] = re.findall(r"```python\n(.*?)```", PAGE, flags=re.S)
    known = {**vars(definition), "SESSIONS": OF_SESSIONS, "WEB": WEB}
    declared = eval(kpi, dict(known))
    rows = sessions({"day": date(2026, 2, 2), "page_views": n} for n in (9, 10, 11))
    found = parts([declared], Tables({SESSIONS: rows}), days=[date(2026, 2, 2)], as_of=date(2026, 3, 1))
    whole = [row for row in found.to_pylist() if (row["period"], row["dimension"]) == ("day", "all")]
    assert [(row["numerator"], row["denominator"]) for row in whole] == [(2, 3)]
    assert set(declared.dimensions) <= DIMENSIONS.keys()
    assert eval(dimension, dict(known)).is_of_person
