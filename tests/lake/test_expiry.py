"""Letting old versions go: what is left reads as before, what went is refused, and its commit still tells."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from journey_platform.lake import Lake, LakeError, shadows
from tests.lake.tables import D1, D2, PEOPLE

LATER = datetime.now(UTC) + timedelta(days=100)


def people(count: int) -> pa.Table:
    rows = [{"person_key": number, "name": f"n{number}"} for number in range(count)]
    return pa.Table.from_pylist(rows, schema=PEOPLE.schema)


def files(lake: Lake) -> set[str]:
    return {path.name for path in Path(lake.root).joinpath(*PEOPLE.key).rglob("v*.parquet")}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A table of four versions: created, and written three times."""
    lake = Lake(str(tmp_path))
    for count in (1, 2, 3):
        lake.replace_all(PEOPLE, people(count), run_id=f"run {count}")
        time.sleep(0.01)
    return lake


def test_only_the_newest_version_s_files_stay_and_it_reads_as_before(lake: Lake) -> None:
    before, version = lake.read(PEOPLE), lake.version(PEOPLE)
    gone = lake.expire(PEOPLE, before=LATER, now=LATER)
    assert (gone.files, len(files(lake)), gone.bytes > 0) == (2, 1, True)
    assert lake.read(PEOPLE).equals(before)
    assert lake.version(PEOPLE) == version
    assert lake.expire(PEOPLE, before=LATER, now=LATER).files == 0


def test_a_version_that_went_is_refused_and_still_says_what_it_was(lake: Lake) -> None:
    lake.expire(PEOPLE, before=LATER, now=LATER)
    assert not lake.has_version(PEOPLE, 1)
    with pytest.raises(LakeError, match="version 1 is no more"):
        lake.read(PEOPLE, version=1)
    told = lake.commit(PEOPLE, 1)
    assert told is not None
    assert told.run_id == "run 1"
    assert lake.version_at(PEOPLE, told.at) == 1


def test_versions_that_were_the_newest_since_then_stay(lake: Lake) -> None:
    second = lake.commit(PEOPLE, 2)
    assert second is not None
    lake.expire(PEOPLE, before=second.at + timedelta(milliseconds=1), now=LATER)
    assert [lake.has_version(PEOPLE, version) for version in (1, 2, 3)] == [False, True, True]
    assert lake.read(PEOPLE, version=2).equals(people(2))


def test_a_version_that_is_kept_stays_and_a_later_round_may_let_it_go(lake: Lake) -> None:
    lake.expire(PEOPLE, before=LATER, now=LATER, keep=[1])
    assert [lake.has_version(PEOPLE, version) for version in (1, 2, 3)] == [True, False, True]
    assert lake.read(PEOPLE, version=1).equals(people(1))
    lake.expire(PEOPLE, before=LATER, now=LATER, keep=[2])
    assert [lake.has_version(PEOPLE, version) for version in (1, 2, 3)] == [False, False, True]


def test_what_a_killed_writer_left_goes_when_it_is_old(lake: Lake) -> None:
    folder = Path(lake.root).joinpath(*PEOPLE.key)
    for age_days, fingerprint in ((2, "a"), (0, "b")):
        draft = folder / f"v4-{fingerprint * 32}-{fingerprint * 32}.parquet"
        draft.write_bytes(b"half")
        os.utime(draft, (time.time() - age_days * 86_400,) * 2)
    lake.expire(PEOPLE, before=datetime.now(UTC) - timedelta(days=1), now=datetime.now(UTC))
    left = {name[3] for name in files(lake) if name.startswith("v4-")}
    assert left == {"b"}


def test_writing_goes_on_and_a_preview_knows_what_went(lake: Lake) -> None:
    lake.expire(PEOPLE, before=LATER, now=LATER)
    shadow = shadows.make(lake, "p", source="zendesk", first=D1, last=D2, made_at="now")
    for of in (lake, shadow.lake):
        assert not of.has_version(PEOPLE, 1)
        of.replace_all(PEOPLE, people(5), run_id="run 5")
        assert of.read(PEOPLE).equals(people(5))


def test_a_table_that_is_not_there_has_nothing_to_let_go(tmp_path: Path) -> None:
    assert Lake(str(tmp_path)).expire(PEOPLE, before=LATER, now=LATER).files == 0
