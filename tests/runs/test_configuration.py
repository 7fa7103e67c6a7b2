"""Wrong settings stop the definitions from loading, with one line that names each and shows no secret."""

from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from tests.runs.conftest import FIRST, WHOLE
from tests.runs.running import PSEUDONYM_KEY, Installation

VENDORS = {
    "MATOMO_BASE_URL": "https://matomo.example",
    "MATOMO_TOKEN": "canary-matomo",
    "MATOMO_SITE_ID": "1",
    "MAILCHIMP_API_KEY": "canary-mailchimp-us1",
    "ZENDESK_BASE_URL": "https://zendesk.example",
    "ZENDESK_EMAIL": "agent@zendesk.example",
    "ZENDESK_TOKEN": "canary-zendesk",
    "QUALTRICS_BASE_URL": "https://qualtrics.example/API/v3",
    "QUALTRICS_TOKEN": "canary-qualtrics",
    "MASTODON_BASE_URL": "https://mastodon.example",
    "MASTODON_TOKEN": "canary-mastodon",
    "MASTODON_TAGS": "brand",
    "SHOPIFY_BASE_URL": "https://shopify.example",
    "SHOPIFY_TOKEN": "canary-shopify",
}
FIRST_MOMENT = datetime.combine(FIRST, time(), UTC)
SECRETS = [value for name, value in VENDORS.items() if value.startswith("canary-")] + [PSEUDONYM_KEY]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        pytest.param({"ZENDESK_TOKEN": ""}, "ZENDESK_TOKEN is missing", id="no token"),
        pytest.param(
            {"JOURNEY_ZONE": "Europe/Atlantis"},
            "JOURNEY_ZONE names no known time zone: 'Europe/Atlantis'",
            id="unknown zone",
        ),
        pytest.param(
            {"JOURNEY_START_DATE": "01-02-2026"},
            "JOURNEY_START_DATE must be a date like 2026-01-31, not '01-02-2026'",
            id="malformed start date",
        ),
        pytest.param(
            {"JOURNEY_ROOT": "{folder}/a-file/lake"},
            "JOURNEY_ROOT is not writable: Not a directory",
            id="unwritable root",
        ),
        pytest.param(
            {"JOURNEY_SOURCES": "matomo,fax"},
            "JOURNEY_SOURCES names no connector: 'fax'; "
            "known are matomo, mailchimp, zendesk, qualtrics, mastodon, shopify",
            id="unknown source",
        ),
        pytest.param(
            {"JOURNEY_PSEUDONYM_KEY": ""},
            "JOURNEY_PSEUDONYM_KEY is missing: a long random text that keys the profiles' ids",
            id="no pseudonym key",
        ),
        pytest.param(
            {"MATOMO_TOKEN": "", "JOURNEY_ZONE": "Nowhere"},
            "JOURNEY_ZONE names no known time zone: 'Nowhere'; MATOMO_TOKEN is missing",
            id="two at once",
        ),
    ],
)
def test_loading_stops_with_one_line(tmp_path: Path, changes: dict[str, str], line: str) -> None:
    (tmp_path / "a-file").touch()
    right = Installation.at(tmp_path / "here", VENDORS, start=FIRST, now=FIRST_MOMENT)
    asked = {name: value.format(folder=tmp_path) for name, value in changes.items()}
    wrong = replace(right, environment={**right.environment, **asked})
    with pytest.raises(ChildProcessError):
        wrong.run(WHOLE)
    [output] = wrong.folder.glob("run-*.out")
    said = output.read_text()
    assert said.splitlines()[-1].endswith(f"SettingsError: {line}")
    assert not [secret for secret in SECRETS if secret in said]
