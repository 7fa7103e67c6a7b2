"""Matomo's golden files, which are XML, as the JSON that the same server gives for `format=JSON`.

What the rendering changes, and what is put back here:

- A `<row>` list is an array, an element with children an object, text a string: the JSON API gives the
  columns of the visit log as strings, and its reports' numbers as numbers or strings, depending on version
  and report. All stay strings here. `<x />` is null, `<result />` (nothing on that day) is `[]`.
- `<row idgoal='1'>` inside `<goals>` is the member "idgoal=1" of an object, as the JSON API writes it.
- The goldens were stripped of what differs from run to run. Put back, always with the same values:
  `visitorId` (the golden's `fingerprint`: all its visits are one browser), `firstActionTimestamp`,
  `lastActionTimestamp` and `serverTimestamp` of a visit, and `timestamp` of its actions. The times follow
  from the golden itself (`secondsSinceFirstVisit`, `visitDuration`) and from the time of the first visit in
  the published fixture that made it, 2013-01-23 01:29:45 UTC.
- `subtable`, which only `expanded=1` adds, is left out of reports asked without it.
"""

import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

CAMPAIGNS_DAY = date(2013, 1, 23)
IMPORTED_DAY = date(2019, 6, 30)
_FIRST_VISIT = datetime(2013, 1, 23, 1, 29, 45, tzinfo=UTC)
_LISTS = {"actionDetails", "itemDetails", "categories", "pluginsIcons", "customVariables"}


def golden(path: Path) -> Any:
    """The report of one golden file, in the JSON shape."""
    return _value(ET.parse(path).getroot())


def visits(path: Path) -> list[dict[str, Any]]:
    """The rows of `Live.getLastVisitsDetails`, with the stripped fields put back."""
    rows: list[dict[str, Any]] = golden(path)
    for row in rows:
        first = int(_FIRST_VISIT.timestamp()) + int(row["secondsSinceFirstVisit"])
        last = first + int(row["visitDuration"])
        row["visitorId"] = row["fingerprint"]
        row |= {"firstActionTimestamp": first, "lastActionTimestamp": last, "serverTimestamp": last}
        for place, action in enumerate(row["actionDetails"]):
            action["timestamp"] = first if place == 0 else last
    return rows


def without_subtables(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "subtable"} for row in rows]


def _value(element: ET.Element) -> Any:
    rows = element.findall("row")
    if rows and len(rows) == len(element):
        if all("idgoal" in row.attrib for row in rows):
            return {f"idgoal={row.attrib['idgoal']}": _value(row) for row in rows}
        return [_value(row) for row in rows]
    if len(element):
        return {child.tag: _value(child) for child in element}
    text = (element.text or "").strip()
    if text:
        return text
    return [] if element.tag == "result" or element.tag in _LISTS else None
