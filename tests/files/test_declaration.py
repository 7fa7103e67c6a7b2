"""A declaration is read whole or refused with the file, the line and the key of the mistake."""

import re
from pathlib import Path

import pytest

from connectors.base import StreamKind
from connectors.errors import ConfigurationError
from connectors.files.declaration import declared
from connectors.files.drops import of_folder
from journey_platform.settings import SettingsError, load
from journey_platform.sources import file_mapping
from tests.files.shop import DECLARATION, drop, folder_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "files.md").read_text(encoding="utf-8")


def test_each_feed_is_a_stream(tmp_path: Path) -> None:
    receipts, pages, cards = of_folder(str(folder_of(tmp_path))).streams
    assert (receipts.name, receipts.kind, receipts.primary_key) == (
        "receipts",
        StreamKind.EVENT,
        ("receipt",),
    )
    assert receipts.grain == "receipt of a till"
    assert receipts.personal_fields == ("card",)
    assert (pages.primary_key, pages.is_replayable) == (("content",), True)
    assert (cards.kind, cards.is_replayable) == (StreamKind.ENTITY, False)


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        pytest.param("    kind: entity", "    kind: thing", r"line 39, .*kind: Invalid enum", id="value"),
        pytest.param("    key: [card]", "    keys: [card]", r"line 40, .*keys: no such key", id="key"),
        pytest.param("    key: [card]", "    key: card", r"line 40, feeds.cards.key: .*array", id="type"),
        pytest.param("    time: sold", "    grain: again", r"line 8, .*grain: given twice", id="twice"),
        pytest.param("    time: at", "    grain: page", r"line 28, feeds.pages.time: .*events", id="no time"),
        pytest.param("zone: Europe/Amsterdam", "zone: Mars", r"line 6, .*zone: .*Mars", id="zone"),
        pytest.param('thousands: "."', 'thousands: ","', r"line 6, .*thousands: not the", id="thousands"),
        pytest.param('delimiter: ";"', 'delimiter: ";;"', r"line 6, .*delimiter: one", id="delimiter"),
        pytest.param('delimiter: ";"', 'delimiter: ";", quote: "--"', r"line 6, .*quote: one", id="quote"),
        pytest.param(
            "    time: at",
            "    time: at\n    notation: {header: [at]}",
            r"line 31, .*header: a P",
            id="header",
        ),
        pytest.param("site/*.parquet", "../*.parquet", r"line 29, feeds.pages.files: .*below", id="outside"),
        pytest.param("  cards:", "  Cards!:", r"line 37, feeds.Cards!: .*small letters", id="name"),
        pytest.param("  pages:", "  pages: [", r"line 3\d: ", id="no YAML"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, line: str, wrong: str, said: str) -> None:
    assert line in DECLARATION
    folder_of(tmp_path, DECLARATION.replace(line, wrong, 1))
    with pytest.raises(ConfigurationError, match=rf"^files.yaml {said}"):
        declared(tmp_path)


@pytest.mark.parametrize(
    ("line", "wrong", "said"),
    [
        pytest.param("type: refund", "type: Re fund", r"\[1\].type: a type is of small", id="type"),
        pytest.param(
            "channel: web",
            "channel: tv",
            r"line 33, .*channel: Invalid",
            id="channel",
        ),
        pytest.param("medium: store", "media: store", r"line 17, .*media: no such key", id="key"),
        pytest.param(
            "medium: store", "language: English", r"line 17, .*language: a language is", id="language"
        ),
        pytest.param(
            "{view: page_view", '{a: B}, below: {"x": b', r"line 32, .*type.below: .*float", id="limit"
        ),
        pytest.param("{cookie_id: $device", "{cookies: $device", r"line 34, .*cookies: no kind", id="kind"),
        pytest.param("        url: $address", "        occurred_at: $at", r"line 35, .*one time", id="time"),
        pytest.param(
            "attributes: {email:", "attributes: {email: [a], x:", r"line 44, .*attributes", id="attribute"
        ),
    ],
)
def test_a_mistake_in_what_rows_mean_is_told_with_its_place(
    tmp_path: Path, line: str, wrong: str, said: str
) -> None:
    assert line in DECLARATION
    folder_of(tmp_path, DECLARATION.replace(line, wrong, 1))
    with pytest.raises(ConfigurationError, match=rf"^files.yaml .*{said}"):
        file_mapping({"JOURNEY_FILES": str(tmp_path)})


@pytest.mark.parametrize("shown", re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.S))
def test_what_the_page_shows_are_declarations(tmp_path: Path, shown: str) -> None:
    folder_of(tmp_path, shown)
    assert file_mapping({"JOURNEY_FILES": str(tmp_path)}).TOUCHPOINT_STREAMS


def test_json_declares_as_well(tmp_path: Path) -> None:
    drop(tmp_path, "files.json", '{"feeds": {"cards": {"files": "*.csv", "kind": "entity"}}}')
    assert list(declared(tmp_path).feeds) == ["cards"]


def test_two_declarations_or_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no files\.yaml"):
        declared(tmp_path)
    folder_of(tmp_path)
    drop(tmp_path, "files.json", "{}")
    with pytest.raises(ConfigurationError, match=r"files\.yaml and files\.json"):
        declared(tmp_path)


def settings(tmp_path: Path, **given: str) -> dict[str, str]:
    return {
        "JOURNEY_ROOT": str(tmp_path / "lake"),
        "JOURNEY_START_DATE": "2026-11-01",
        "JOURNEY_PSEUDONYM_KEY": "any",
        **given,
    }


def test_the_source_is_off_unless_a_folder_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "dropped")
    with pytest.raises(SettingsError, match="JOURNEY_FILES is missing"):
        load(settings(tmp_path, JOURNEY_SOURCES="files"))
    on = load(settings(tmp_path, JOURNEY_SOURCES="files", JOURNEY_FILES=str(folder)))
    assert on.sources == ("files",)


def test_a_wrong_declaration_stops_the_start_with_one_line(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "dropped", DECLARATION.replace("channel: web", "channel: tv"))
    with pytest.raises(SettingsError, match=r"files.yaml line 33, feeds.pages.touchpoints\[0\].channel"):
        load(settings(tmp_path, JOURNEY_SOURCES="files", JOURNEY_FILES=str(folder)))
