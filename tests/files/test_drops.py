"""What is in a dropped file, whatever its shape; and what happens while it is being written."""

import gzip
import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from pyarrow.parquet import write_table

from connectors.base import Window
from connectors.errors import Truncated, UnexpectedResponse
from tests.files.shop import ALL, CARDS, DECLARATION, NOW, RECEIPTS, drop, folder_of, read, source

ROWS = RECEIPTS.splitlines(keepends=True)
FIRST_BODY = {"amount": 12.5, "card": "C1", "kind": "sale", "receipt": "R1", "sold": "2026-11-02T08:15:00Z"}


def test_text_becomes_records_with_the_types_that_are_declared(tmp_path: Path) -> None:
    page = read(folder_of(tmp_path, tills__a_csv=RECEIPTS), "receipts")
    assert [record.key for record in page.records] == ["R1", "R2", "R3", "R4"]
    assert msgspec.json.decode(page.records[0].body) == FIRST_BODY
    assert page.records[0].time == datetime(2026, 11, 2, 8, 15, tzinfo=UTC)
    assert msgspec.json.decode(page.records[1].body)["amount"] == 1200.0
    assert msgspec.json.decode(page.records[3].body)["card"] is None
    assert page.bad == []


def reordered(text: str) -> str:
    return "".join(";".join(reversed(line.split(";"))) + "\n" for line in text.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xef\xbb\xbf" + RECEIPTS.encode(), id="byte order mark"),
        pytest.param(RECEIPTS.replace("\n", "\r\n").encode(), id="other line ends"),
        pytest.param(reordered(RECEIPTS).encode(), id="header in another order"),
        pytest.param(RECEIPTS.encode().rstrip(b"\n"), id="no line end after the last row"),
        pytest.param(RECEIPTS.replace("R1", '"R1"').encode() + b"\n\n", id="quotes and blank lines"),
        pytest.param(RECEIPTS.replace(";R", "; R").replace(";kind", "; kind ").encode(), id="spaces"),
    ],
)
def test_the_same_rows_in_another_dress_are_the_same_records(tmp_path: Path, content: bytes) -> None:
    plain = read(folder_of(tmp_path / "plain", tills__a_csv=RECEIPTS), "receipts")
    folder = folder_of(tmp_path / "other")
    drop(folder, "tills/a.csv", content)
    assert read(folder, "receipts").records == plain.records


@pytest.mark.parametrize(
    ("encoding", "signs"),
    [pytest.param("latin-1", "é", id="latin-1"), pytest.param("utf-16", "é→", id="utf-16")],
)
def test_other_encodings_are_read_when_declared(tmp_path: Path, encoding: str, signs: str) -> None:
    said = DECLARATION.replace('delimiter: ";"', f'delimiter: ";", encoding: {encoding}')
    folder = folder_of(tmp_path, said)
    drop(folder, "tills/a.csv", RECEIPTS.replace("C1", signs).encode(encoding))
    assert msgspec.json.decode(read(folder, "receipts").records[0].body)["card"] == signs


def test_a_file_without_a_header_or_quotes_is_read_as_declared(tmp_path: Path) -> None:
    """No sign quotes: a text that begins with one is a text, and not the start of a longer one."""
    said = DECLARATION.replace(
        'delimiter: ";"', 'delimiter: ";", quote: "", header: [receipt, sold, kind, amount, card]'
    )
    rows = "".join([*ROWS[1:2], 'R2;02-11-2026 23:30;sale;1;"C2\n'])
    page = read(folder_of(tmp_path, said, tills__a_csv=rows), "receipts")
    assert msgspec.json.decode(page.records[0].body) == FIRST_BODY
    assert [msgspec.json.decode(record.body)["card"] for record in page.records] == ["C1", '"C2']
    assert page.bad == []


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DECLARATION.replace("tills/*.csv", "tills/*"))
    drop(folder, "tills/a.csv.gz", gzip.compress(RECEIPTS.encode()))
    assert len(read(folder, "receipts").records) == 4


@pytest.mark.parametrize(
    ("row", "reason", "field"),
    [
        pytest.param("R5;02-11-2026 09:15;sale;12.50;C1", "not a number", "amount", id="number"),
        pytest.param("R5;2026-11-02;sale;1;C1", "not a time in a declared format", "sold", id="time"),
        pytest.param("R5;;sale;1;C1", "a required time is missing", "sold", id="no time"),
        pytest.param(";02-11-2026 09:15;sale;1;C1", "a part of the key is missing", "receipt", id="no key"),
        pytest.param("R5;02-11-2026 09:15;sale;1", "4 fields where the header has 5", "row", id="short"),
        pytest.param("R5;02-11-2026 09:15;sale;1;C1;x", "6 fields where the header has 5", "row", id="long"),
        pytest.param('R5;02-11-2026 09:15;"sale"x;1;C1', "';' expected after '\"'", "row", id="quotes"),
        pytest.param("R5;02-11-2026 09:15;sale;1;C\x00", "NUL in a text", "card", id="nul"),
    ],
)
def test_a_row_that_cannot_be_read_is_kept_with_file_line_and_column(
    tmp_path: Path, row: str, reason: str, field: str
) -> None:
    folder = folder_of(tmp_path, tills__a_csv="".join([*ROWS[:2], row + "\n", *ROWS[2:]]))
    page = read(folder, "receipts")
    assert len(page.records) == 4
    [bad] = page.bad
    assert (bad.key, bad.reason, bad.field) == ("a.csv:3", reason, field)
    assert msgspec.json.decode(bad.body)["line"] == 3


def test_a_text_in_another_encoding_costs_its_row_only(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    drop(folder, "tills/a.csv", RECEIPTS.encode() + b"R5;02-11-2026 09:15;sale;1;\xe9\n")
    page = read(folder, "receipts")
    assert len(page.records) == 4
    assert [(bad.reason, bad.field) for bad in page.bad] == [("not in the declared encoding", "card")]


def test_only_events_of_the_window_come_and_the_others_are_counted(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tills__a_csv=RECEIPTS)
    day = Window(datetime(2026, 11, 1, 23, tzinfo=UTC), datetime(2026, 11, 2, 23, tzinfo=UTC))
    page = read(folder, "receipts", day)
    assert ([record.key for record in page.records], page.skipped) == (["R1", "R2"], 2)


@pytest.mark.parametrize(
    "content", ["", "\n", ROWS[0], ROWS[0].rstrip()], ids=["0 bytes", "blank", "header", "cut"]
)
def test_a_file_without_rows_gives_none(tmp_path: Path, content: str) -> None:
    page = read(folder_of(tmp_path, tills__a_csv=content), "receipts")
    assert (page.records, page.bad) == ([], [])


def test_a_file_dropped_twice_gives_the_same_keys_and_bodies(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tills__a_csv=RECEIPTS, tills__b_csv=RECEIPTS)
    records = read(folder, "receipts").records
    assert records[:4] == records[4:]


def test_rows_without_a_key_are_told_apart_but_not_by_their_file(tmp_path: Path) -> None:
    said = DECLARATION.replace("    key: [receipt]\n", "")
    folder = folder_of(tmp_path, said, tills__a_csv="".join([*ROWS, ROWS[1]]), tills__b_csv=RECEIPTS)
    keys = [record.key for record in read(folder, "receipts").records]
    assert len(set(keys)) == 5
    assert keys[5:] == keys[:4]


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tills__b_csv=ROWS[0] + ROWS[1], tills__a_csv=ROWS[0] + ROWS[2])
    assert [record.key for record in read(folder, "receipts").records] == ["R2", "R1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(RECEIPTS[:-4], "a.csv line 5: the file ends within a row", id="row"),
        pytest.param(
            RECEIPTS + 'R5;02-11-2026 09:15;"sa', "a.csv line 6: the file ends in a quote", id="quote"
        ),
    ],
)
def test_a_half_written_file_lands_nothing(tmp_path: Path, content: str, said: str) -> None:
    folder = folder_of(tmp_path, tills__a_csv=content, tills__b_csv=RECEIPTS)
    with pytest.raises(Truncated, match=f"^files/receipts: {said}"):
        read(folder, "receipts")


def test_a_packed_or_parquet_file_that_ends_early_lands_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, DECLARATION.replace("tills/*.csv", "tills/*"))
    drop(folder, "tills/a.csv.gz", gzip.compress(RECEIPTS.encode())[:-12])
    with pytest.raises(Truncated, match=r"a\.csv\.gz: the packed file ends early"):
        read(folder, "receipts")
    write_table(pa.table({"at": [NOW]}), tmp_path / "whole")
    drop(folder, "site/a.parquet", (tmp_path / "whole").read_bytes()[:-9])
    with pytest.raises(Truncated, match=r"a\.parquet: not a whole Parquet file"):
        read(folder, "pages")


@pytest.mark.parametrize("name", [".a.csv", "_a.csv", "a.csv.part", "a.csv.tmp", "a.csv.filepart"])
def test_names_of_files_under_way_are_no_drops(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path, DECLARATION.replace("tills/*.csv", "tills/*"))
    drop(folder, f"tills/{name}", RECEIPTS)
    assert read(folder, "receipts").records == []


def test_a_file_just_written_is_waited_for(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    drop(folder, "tills/a.csv", RECEIPTS, at=NOW.timestamp() - 1)
    assert len(read(folder, "receipts").records) == 4


def test_a_file_that_grows_while_it_is_read_lands_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, tills__a_csv=RECEIPTS)
    lines = "".join(f"R{n};02-11-2026 09:15;sale;1;C1\n" for n in range(6_000))
    path = drop(folder, "tills/a.csv", ROWS[0] + lines)
    pages = source(folder).read("receipts", ALL)
    next(pages)
    os.utime(path)
    with pytest.raises(Truncated, match=r"a\.csv changed while it was read"):
        list(pages)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        pytest.param("receipt;sold;kind;sum;card", "the header has no amount", id="missing"),
        pytest.param("receipt;sold;kind;amount;kind", "the header names kind twice", id="twice"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, header: str, said: str) -> None:
    folder = folder_of(tmp_path, tills__a_csv=header + "\n" + ROWS[1])
    with pytest.raises(UnexpectedResponse, match=f"^files/receipts: a.csv: {said}"):
        read(folder, "receipts")


def test_parquet_keeps_its_own_types(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "site").mkdir()
    at = pa.array(["2026-11-02T08:00:00"]).cast(pa.timestamp("ns"))
    columns = {"at": at, "what": ["view"], "seen": [True], "price": [1.5]}
    columns |= {"pieces": [[1, 2]], "none": [None]}
    write_table(pa.table(columns), folder / "site" / "a.parquet")
    os.utime(folder / "site" / "a.parquet", (0, 0))
    [record] = read(folder, "pages").records
    assert record.time == datetime(2026, 11, 2, 8, tzinfo=UTC)
    body = msgspec.json.decode(record.body)
    assert body.pop("at") == "2026-11-02T08:00:00Z"
    assert body == {"what": "view", "seen": True, "price": 1.5, "pieces": [1, 2], "none": None}


def test_current_state_has_no_window(tmp_path: Path) -> None:
    page = read(folder_of(tmp_path, cards_csv=CARDS), "cards")
    assert [(record.key, record.time) for record in page.records] == [("C1", None), ("C2", None)]
