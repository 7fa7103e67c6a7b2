"""A promotion that several end at once is ended once and whole, and never told to be done where it is not."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from journey_platform.backfills.promotion import Promoted, finish_promotions, promote
from journey_platform.lake import Lake
from journey_platform.lake.shadows import Refused, Shadow, discard_all, make, shadows
from tests.lake.tables import D1, D2, ORDERS, of_days

NOW, LATER = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
COMMITS = 4
PROMOTED = Promoted({ORDERS.name: (1, 1 + COMMITS)})


@pytest.fixture
def shadow(tmp_path: Path) -> Shadow:
    lake = Lake(str(tmp_path))
    lake.replace_days(ORDERS, of_days(D1), [D1], run_id="a")
    made = make(lake, "trial", source="matomo", first=D1, last=D2, made_at="now")
    for n in range(COMMITS):
        made.lake.replace_days(ORDERS, of_days(D1, count=6 + n), [D1], run_id=f"b{n}")
    return made


def at_step(patch: pytest.MonkeyPatch, step: int, happening: Callable[[], object]) -> list[object]:
    """Let something happen before that many-th link is made; returns what it gave."""
    link, seen, given = os.link, iter(range(1000)), []

    def counted(*arguments: Any, **options: Any) -> None:
        if next(seen) == step:
            given.append(happening())
        link(*arguments, **options)

    patch.setattr(os, "link", counted)
    return given


class Killed(BaseException):
    """What a promotion is cut short by."""


def killed() -> None:
    raise Killed


def is_ended(shadow: Shadow) -> bool:
    """Whether nothing is left of the shadow, nor of anybody's drafts."""
    left = [*shadow.folder.parent.iterdir(), *shadow.root.rglob("*.draft")]
    return left == [] and finish_promotions(Lake(str(shadow.root))) == []


@pytest.mark.parametrize("step", range(1, 1 + 2 * COMMITS))
def test_one_that_is_overtaken_tells_what_the_other_published(
    shadow: Shadow, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    lake = Lake(str(shadow.root))
    other = at_step(monkeypatch, step, lambda: finish_promotions(lake))
    assert promote(shadow, now=NOW) == PROMOTED
    assert other == [[PROMOTED]]
    assert lake.version(ORDERS) == 1 + COMMITS
    assert lake.read(ORDERS).equals(of_days(D1, count=5 + COMMITS))
    assert is_ended(shadow)


def test_many_that_end_one_at_once_all_come_through(shadow: Shadow, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        at_step(patch, 1, killed)
        with pytest.raises(Killed):
            promote(shadow, now=NOW)
    many = 6
    with ThreadPoolExecutor(many) as threads:
        told = list(threads.map(lambda _: finish_promotions(Lake(str(shadow.root))), range(many)))
    assert [one for one in told if one not in ([], [PROMOTED])] == []
    assert [PROMOTED] in told
    assert Lake(str(shadow.root)).read(ORDERS).equals(of_days(D1, count=5 + COMMITS))
    assert is_ended(shadow)


@pytest.mark.parametrize(
    "step", [pytest.param(1, id="before the first file"), pytest.param(2 * COMMITS - 1, id="before the last")]
)
def test_what_is_cut_off_from_its_shadow_is_not_told_to_be_done(
    shadow: Shadow, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    lake = Lake(str(shadow.root))
    at_step(monkeypatch, step, lambda: discard_all(lake))
    assert promote(shadow, now=NOW) == Promoted({}, moved=ORDERS.name)
    assert lake.version(ORDERS) == 1 + (step - 1) // 2


def test_a_file_that_is_missing_is_no_end(shadow: Shadow, monkeypatch: pytest.MonkeyPatch) -> None:
    last = next((shadow.folder / "lake" / ORDERS.name / "_delta_log").glob(f"*{1 + COMMITS}.json"))
    at_step(monkeypatch, 1, lambda: last.rename(shadow.root / "aside"))
    with pytest.raises(FileNotFoundError):
        promote(shadow, now=NOW)
    assert [one.name for one in shadows(Lake(str(shadow.root)))] == [shadow.name]
    (shadow.root / "aside").rename(last)
    assert finish_promotions(Lake(str(shadow.root))) == [PROMOTED]


def test_two_who_promote_one_shadow_publish_it_as_of_one_time(
    shadow: Shadow, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = at_step(monkeypatch, 1, lambda: promote(shadow, now=LATER))
    assert promote(shadow, now=NOW) == PROMOTED
    assert other == [PROMOTED]
    assert Lake(str(shadow.root)).version_at(ORDERS, NOW) == 1 + COMMITS


def test_who_comes_when_all_is_published_is_told(shadow: Shadow, monkeypatch: pytest.MonkeyPatch) -> None:
    other = at_step(monkeypatch, 0, lambda: promote(shadow, now=NOW))
    with pytest.raises(Refused, match="is ended now"):
        promote(shadow, now=LATER)
    assert other == [PROMOTED]
    assert is_ended(shadow)
