"""Landing: every record is landed, quarantined or counted, as sent, and no day is replaced by accident."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.base import BadRecord, Page, Record
from journey_platform.days import as_day, local_days
from journey_platform.lake import Lake
from journey_platform.landing import LandingReport, checkpoint, land_events, land_versions
from journey_platform.landing.quarantine import UNDATED
from journey_platform.quality.verdict import DayVerdict, Finding, Gate, RuleResult, Verdict
from journey_platform.tables import QUARANTINE
from tests.lake.tables import CONTACTS, D1, D2, D3, EVENTS, contents

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = [D1, D2, D3]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def event(key: str, day: int = 1, body: bytes | None = None, hour: int = 12) -> Record:
    return Record(key, datetime(2026, 3, day, hour, tzinfo=UTC), body or json.dumps({"id": key}).encode())


def events(*names: str, day: int = 1) -> list[Record]:
    return [event(name, day) for name in names]


def land(
    lake: Lake, *pages: Page, days: list[date] = DAYS, gate: Gate | None = None, **more
) -> LandingReport:
    return land_events(lake, EVENTS, pages, days, zone="UTC", run_id="r", extracted_at=NOW, gate=gate, **more)


def land_contacts(lake: Lake, *pages: Page, at: datetime = NOW, gate: Gate | None = None) -> LandingReport:
    return land_versions(lake, CONTACTS, pages, zone="UTC", run_id="r", extracted_at=at, gate=gate)


def bodies(lake: Lake, *days: date) -> list[str]:
    return lake.read(EVENTS, days or None)["body"].to_pylist()


def counts(report: LandingReport) -> list[tuple[int, ...]]:
    for day in report.days:
        assert day.received == day.landed + day.known + day.quarantined + day.duplicates + day.held
    return [(d.received, d.landed, d.quarantined, d.duplicates, d.conflicts) for d in report.days]


class OneRule:
    """A gate that finds fault with some keys, or cannot judge and then holds every day with rows."""

    refused = 0
    reasons = frozenset({"rule"})

    def __init__(self, *names: str, severity: str = "error", is_broken: bool = False) -> None:
        self._names, self._severity, self._is_broken = names, severity, is_broken
        self._seen: set[date] = set()

    def is_known(self, day: date, fingerprint: str, *, is_there: bool) -> bool:
        return False

    def __call__(self, rows: pa.Table) -> Verdict:
        self._seen.update(rows["day"].to_pylist())
        keys = enumerate(rows["record_key"].to_pylist())
        return Verdict(
            (), tuple(Finding(n, "rule", "body", self._severity) for n, k in keys if k in self._names)
        )

    def conclude(self, offered: Mapping[date, str]) -> Mapping[date, DayVerdict]:
        result = RuleResult("rule", "body", "error", 1, 0, "no" if self._is_broken else None)
        return {
            day: DayVerdict(
                day,
                (result,),
                print_,
                "v",
                "rule" if self._is_broken and (day in self._seen or len(offered) == 1) else None,
            )
            for day, print_ in offered.items()
        }


def rejects(*names: str, severity: str = "error") -> Gate:
    return OneRule(*names, severity=severity)


@pytest.mark.parametrize(
    ("records", "bad", "expected"),
    [
        pytest.param([], [], [(0, 0, 0, 0, 0)], id="nothing"),
        pytest.param(events("a", "b"), [], [(2, 2, 0, 0, 0)], id="two"),
        pytest.param(events("a", "a", "b"), [], [(3, 2, 0, 1, 0)], id="the same record twice"),
        pytest.param([event("a", body=b"1"), event("a", body=b"2")], [], [(2, 1, 0, 1, 1)], id="two bodies"),
        pytest.param(events("a"), [BadRecord("broken", "x", b"{}")], [(2, 1, 1, 0, 0)], id="a bad record"),
        pytest.param([], [BadRecord("broken", "x", b"{}")] * 3, [(3, 0, 1, 2, 0)], id="a bad record thrice"),
        pytest.param(
            [], [BadRecord("b", "x", c, "k") for c in (b"1", b"2")], [(2, 0, 2, 0, 0)], id="two bad, one key"
        ),
        pytest.param([replace(event("a"), time=None)], [], [(1, 0, 1, 0, 0)], id="no time"),
        pytest.param([event("a", body=b'"\xff"')], [], [(1, 0, 1, 0, 0)], id="not UTF-8"),
        pytest.param([event("\ud800")], [], [(1, 0, 1, 0, 0)], id="key is no text"),
    ],
)
def test_every_record_is_accounted_for(
    lake: Lake, records: list[Record], bad: list[BadRecord], expected: list[tuple[int, ...]]
) -> None:
    assert counts(land(lake, Page(records, bad), days=[D1])) == expected
    [[_, landed, quarantined, *_]] = expected
    assert (len(lake.read(EVENTS)), len(lake.read(QUARANTINE))) == (landed, quarantined)


def test_records_of_other_days_are_counted_and_left_out(lake: Lake) -> None:
    report = land(lake, Page(events("a") + events("b", day=5), skipped=7), days=[D1])
    assert (report.outside, report.skipped, report.received, len(lake.read(EVENTS))) == (1, 7, 2, 1)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"a": 123456789012345678901234567890}', id="integer beyond 64 bits"),
        pytest.param('{"a": "héllo 😀 مرحبا"}'.encode(), id="emoji and right to left"),
        pytest.param(b'{"a": "\\ud83d\\ude00 \\u0000"}', id="escapes as sent"),
        pytest.param(b'{ "b" : 1.10 ,\n "a":-0 }', id="spaces and digits as sent"),
        pytest.param(b'{"a": "' + b"x" * 1_000_000 + b'"}', id="a megabyte of text"),
        pytest.param(b'{"camelCase": {"deep": [[1, [2]], {"$ %&/": null}]}}', id="nested, odd names"),
        pytest.param(b'{"a": 1, "a": 2}', id="a name twice"),
        pytest.param(b"{}", id="no properties"),
    ],
)
def test_bodies_keep_their_bytes(lake: Lake, body: bytes) -> None:
    land(lake, Page([event("a"), event("b", body=body), event("c")]))
    assert lake.read(EVENTS)["body"][1].as_py().encode() == body


def test_bytes_that_are_no_text_are_kept_in_quarantine(lake: Lake) -> None:
    land(lake, Page([], [BadRecord("not UTF-8", "$", b"\xff\x00")]))
    [row] = lake.read(QUARANTINE).to_pylist()
    assert (row["table"], row["day"], json.loads(row["body"])) == (EVENTS.name, UNDATED, {"base64": "/wA="})


def test_of_records_with_one_key_the_last_counts_also_across_days(lake: Lake) -> None:
    report = land(lake, Page([event("a", 1, b"1"), event("b", 1)]), Page([event("a", 2, b"2")]))
    assert (bodies(lake, D1), bodies(lake, D2)) == (['{"id": "b"}'], ["2"])
    assert counts(report) == [(2, 1, 0, 1, 1), (1, 1, 0, 0, 0), (0, 0, 0, 0, 0)]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 3)), max_size=30),
    st.integers(1, 7),
    st.integers(0, 99),
)
def test_arrival_order_and_page_size_change_no_byte(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]], page_size: int, seed: int
) -> None:
    records = [event(f"k{key}-{day}", day, f'{{"n": {key}}}'.encode() * 3) for key, day in rows]
    shuffled = random.Random(seed).sample(records, len(records))
    one, other = (Lake(str(tmp_path_factory.mktemp("lake"))) for _ in range(2))
    land(one, Page(records))
    land(other, *(Page(shuffled[n : n + page_size]) for n in range(0, len(records), page_size)))
    assert contents(one, EVENTS) == contents(other, EVENTS)
    assert one.day_states(EVENTS) == other.day_states(EVENTS)


def test_many_row_groups_are_the_same_from_any_order(tmp_path: Path) -> None:
    records = [event(f"k{n:06}", 1 + n % 3, (f'{{"n": {n}}}' + " " * 4000).encode()) for n in range(4000)]
    one, other = Lake(str(tmp_path / "a")), Lake(str(tmp_path / "b"))
    land(one, Page(records))
    land(other, *(Page(records[n : n + 7]) for n in reversed(range(0, 4000, 7))))
    assert contents(one, EVENTS) == contents(other, EVENTS)
    assert sorted(bodies(one)) == sorted(r.body.decode() for r in records)
    assert one.read(EVENTS)["record_key"].to_pylist() == [
        r.key for r in sorted(records, key=lambda r: (r.time.date(), r.key))
    ]


def test_the_same_pull_again_changes_no_byte(lake: Lake) -> None:
    pages = [Page(events("a", "b"), [BadRecord("broken", "x", b"{}")])]
    land(lake, *pages)
    before = [(lake.files(table), lake.version(table)) for table in (EVENTS, QUARANTINE)]
    later = land_events(
        lake, EVENTS, pages, DAYS, zone="UTC", run_id="other", extracted_at=NOW + timedelta(days=1)
    )
    assert {day.outcome.value for day in later.days} == {"unchanged"}
    assert before == [(lake.files(table), lake.version(table)) for table in (EVENTS, QUARANTINE)]


def test_a_pull_that_fails_leaves_everything_as_it_was(lake: Lake) -> None:
    land(lake, Page(events("a", "b")))
    before = (lake.version(EVENTS), sorted(Path(lake.root).rglob("*")))

    def pages() -> Iterator[Page]:
        yield Page(events("c", "d", "e"), [BadRecord("broken", "x", b"{}")])
        raise ConnectionError("the vendor went away")

    with pytest.raises(ConnectionError):
        land_events(lake, EVENTS, pages(), DAYS, zone="UTC", run_id="r", extracted_at=NOW)
    assert before == (lake.version(EVENTS), sorted(Path(lake.root).rglob("*")))


def test_an_outage_that_looks_empty_does_not_erase_a_day(lake: Lake) -> None:
    land(lake, Page(events(*"abcdefghijklmnopqrstuvwxyz") + events("z", day=2)))
    report = land(lake, Page(events("a", "b") + events("y", day=2)))
    assert [day.outcome.value for day in report.days] == ["held", "changed", "unchanged"]
    assert (report.days[0].held, report.days[0].rows, len(bodies(lake, D1))) == (2, 25, 25)
    counts(report)
    assert len(bodies(lake, D2)) == 1
    land(lake, Page(events("a", "b")), days=[D1], allow_shrink=True)
    assert len(bodies(lake, D1)) == 2


def test_rejected_rows_go_to_quarantine_and_come_back_when_they_are_good(lake: Lake) -> None:
    report = land(lake, Page(events("a", "b", "c")), gate=rejects("b"))
    assert counts(report)[0] == (3, 2, 1, 0, 0)
    [row] = lake.read(QUARANTINE).to_pylist()
    assert (row["record_key"], row["reason"], row["field"], row["severity"], row["body"]) == (
        "b",
        "rule",
        "body",
        "error",
        '{"id": "b"}',
    )
    land(lake, Page(events("a", "b", "c")), gate=rejects())
    assert (len(bodies(lake)), len(lake.read(QUARANTINE))) == (3, 0)


def test_warnings_are_listed_and_landed(lake: Lake) -> None:
    report = land(lake, Page(events("a", "b")), gate=rejects("b", severity="warn"))
    assert (counts(report)[0], len(lake.read(QUARANTINE)), len(bodies(lake))) == ((2, 2, 0, 0, 0), 1, 2)


def test_a_gate_that_cannot_judge_holds_its_days(lake: Lake) -> None:
    land(lake, Page(events("a")), days=[D1])
    report = land(lake, Page(events("a", "b")), days=[D1, D2], gate=OneRule(is_broken=True))
    assert [(d.outcome.value, d.held, d.rows) for d in report.days] == [("held", 2, 1), ("changed", 0, 0)]
    assert len(bodies(lake)) == 1
    assert [(r["record_key"], r["severity"]) for r in lake.read(QUARANTINE).to_pylist()] == [
        ("a", "held"),
        ("b", "held"),
    ]


def test_a_record_without_a_time_is_in_quarantine_once_until_a_pull_of_its_days_is_without_it(
    lake: Lake,
) -> None:
    bad = Page([], [BadRecord("broken", "x", b"{}")])
    land(lake, bad, days=[D1, D2])
    land(lake, bad, days=[D2, D3])
    other = replace(EVENTS, key=("raw", "shop", "clicks"))
    land_events(lake, other, [bad], [D1], zone="UTC", run_id="r", extracted_at=NOW)

    def listed() -> list[tuple[date, str]]:
        return [(row["day"], row["table"]) for row in lake.read(QUARANTINE).to_pylist()]

    assert listed() == [(UNDATED, other.name), (UNDATED, EVENTS.name)]
    land(lake, Page(events("a")), days=[D1, D2, D3])
    assert listed() == [(UNDATED, other.name)]


# Entities


def contact(key: str, body: str, day: int | None = None) -> Record:
    return Record(key, None if day is None else datetime(2026, 3, day, tzinfo=UTC), body.encode())


def versions(lake: Lake) -> list[tuple[str, date, str]]:
    rows = lake.read(CONTACTS).to_pylist()
    return [(row["record_key"], row["day"], row["body"]) for row in rows]


def test_versions_add_up_and_overlap_is_known(lake: Lake) -> None:
    land_contacts(lake, Page([contact("1", "a", 1), contact("2", "a", 1)], cursor="c1"))
    report = land_contacts(lake, Page([contact("2", "a", 1), contact("1", "b", 2)], cursor="c2"))
    assert versions(lake) == [("1", D1, "a"), ("2", D1, "a"), ("1", D2, "b")]
    assert [(d.day, d.received, d.landed, d.known) for d in report.days] == [(D1, 1, 0, 1), (D2, 1, 1, 0)]
    counts(report)
    assert checkpoint(lake, CONTACTS).cursor == "c2"


def test_versions_of_one_moment_with_two_bodies_are_both_kept(lake: Lake) -> None:
    report = land_contacts(lake, Page([contact("1", "a", 1), contact("1", "b", 1), contact("1", "a", 1)]))
    assert (versions(lake), counts(report)) == ([("1", D1, "a"), ("1", D1, "b")], [(3, 2, 0, 1, 0)])


def test_a_snapshot_adds_only_what_changed(lake: Lake) -> None:
    seen = []
    for number, body in enumerate(["a", "a", "b", "a"]):
        report = land_contacts(
            lake, Page([contact("1", body), contact("2", "x")]), at=NOW + timedelta(days=number)
        )
        counts(report)
        seen.append((report.days[0].landed, report.days[0].known))
    assert seen == [(2, 0), (0, 2), (1, 1), (1, 1)]
    assert [(key, day.day, body) for key, day, body in versions(lake)] == [
        ("1", 10, "a"),
        ("2", 10, "x"),
        ("1", 12, "b"),
        ("1", 13, "a"),
    ]


def test_the_cursor_is_committed_with_the_rows_and_survives_an_empty_pull(lake: Lake) -> None:
    land_contacts(lake, Page([contact("1", "a", 1)], cursor="c1"))
    land_contacts(lake, Page([]), at=NOW + timedelta(hours=1))
    last = checkpoint(lake, CONTACTS)
    assert (last.cursor, last.asked_at) == ("c1", NOW + timedelta(hours=1))
    page = Page([contact("2", "a", 2)], cursor="c2")
    report = land_contacts(lake, page, gate=OneRule(is_broken=True))
    assert (report.cursor, checkpoint(lake, CONTACTS).cursor, len(versions(lake))) == (None, "c1", 1)
    assert report.days[0].outcome.value == "held"
    counts(report)


def test_rejected_versions_are_kept_in_quarantine_by_later_pulls(lake: Lake) -> None:
    land_contacts(lake, Page([contact("1", "a", 1), contact("2", "a", 1)], cursor="c1"), gate=rejects("1"))
    land_contacts(lake, Page([contact("3", "a", 1)], cursor="c2"), gate=rejects("1"))
    assert [(row["record_key"], row["day"]) for row in lake.read(QUARANTINE).to_pylist()] == [("1", D1)]
    assert [key for key, *_ in versions(lake)] == ["2", "3"]


# Days


@pytest.mark.parametrize(
    "zone",
    [
        "UTC",
        "Europe/Amsterdam",
        "America/Sao_Paulo",
        "Asia/Kolkata",
        "Pacific/Apia",
        "Asia/Beirut",
        "Pacific/Kiritimati",
    ],
)
def test_the_local_day_is_what_the_zone_says(zone: str) -> None:
    """Also where clocks skip midnight (Sao Paulo, Beirut) or a whole day (Apia, 2011-12-30)."""
    moments = [datetime(2011, 12, 28, tzinfo=UTC) + timedelta(minutes=37 * n) for n in range(200)]
    moments += [datetime(2018, 1, 1, tzinfo=UTC) + timedelta(minutes=787 * n) for n in range(2000)]
    microseconds = np.array([round(m.timestamp()) * 1_000_000 for m in moments])
    found = [as_day(number) for number in local_days(microseconds, zone)]
    assert found == [m.astimezone(ZoneInfo(zone)).date() for m in moments]
