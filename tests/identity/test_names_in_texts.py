"""A name is found where a text names somebody, and not in the middle of other words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from journey_platform.identity.erasure import Erased
from journey_platform.lake import Lake
from journey_platform.stewardship.ledger import decide, ledger
from journey_platform.stewardship.names import is_named
from journey_platform.stewardship.whom import redact
from tests.identity.shop import SECRET


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("Ann", "ann asked", id="another case"),
        pytest.param("Ann", "Ann's letter", id="with an ending of its own"),
        pytest.param("Ann", "ticket 88 (Ann)", id="between brackets"),
        pytest.param("Ann Bee", "for Ann  Bee, by phone", id="two words, more space"),
        pytest.param("Ann Bee", "see ann_bee.pdf", id="a file's name"),
        pytest.param("Ann-Lou Bee.", "Ann Lou Bee wrote", id="punctuation"),
        pytest.param("Siân O'Neil", "Sia\u0302n O\u2019Neil wrote", id="another spelling of the same"),
        pytest.param("J. Li", "J. Li called", id="short words, together long enough"),
        pytest.param("李明", "客户李明来信", id="no spaces"),
        pytest.param("김철수", "김철수가 요청", id="an ending added"),
    ],
)
def test_a_name_is_found(name: str, text: str) -> None:
    assert is_named(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(".", "dpo@shop.example", id="a dot"),
        pytest.param("J", "GDPR request of 3 June", id="a letter"),
        pytest.param("J", "J called", id="a letter by itself"),
        pytest.param("li", "client asked us, request 12", id="two letters"),
        pytest.param("2026", "asked in 2026", id="a number"),
        pytest.param("Ann", "the annual review of Hanna", id="a part of words"),
        pytest.param("Ann Bee", "Ann has been asked", id="one word of two"),
        pytest.param("", "anything", id="nothing"),
        pytest.param("李", "客户李明来信", id="one sign"),
    ],
)
def test_what_only_looks_like_a_name_is_none(name: str, text: str) -> None:
    assert not is_named(name, text)


def test_only_reasons_that_name_the_person_are_redacted(tmp_path: Path) -> None:
    lake, now = Lake(str(tmp_path)), datetime(2026, 3, 1, tzinfo=UTC)
    for key, why in ((11, "a kiosk in the client area"), (12, "Li Wei's device")):
        decide(lake, "block", [key], who="kim@shop.example", why=why, now=now, zone="UTC")
    nobody = Erased([("email", 1)], secret=SECRET.encode())
    redact(lake, nobody, {".", "li", "Li Wei"})
    assert {row["left_key"]: (row["who"], row["why"]) for row in ledger(lake).to_pylist()} == {
        11: ("kim@shop.example", "a kiosk in the client area"),
        12: ("kim@shop.example", "redacted: it named somebody who was erased"),
    }
