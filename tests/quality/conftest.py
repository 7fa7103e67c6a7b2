"""Lakes of small installations: what assets and commands read from the environment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from journey_platform.lake import Lake

InstalledFor = Callable[..., Lake]
"""The fixture `installed_for`: the sources, and settings that differ."""

# Vendors that nobody asks: no test that uses these reads from one.
_VENDORS = {
    "MAILCHIMP_API_KEY": "any-us1",
    "MASTODON_BASE_URL": "http://127.0.0.1:1",
    "MASTODON_TAGS": "acme",
    "MASTODON_ACCOUNTS": "1",
    "MASTODON_QUERY": "acme",
    "ZENDESK_BASE_URL": "http://127.0.0.1:1",
    "ZENDESK_EMAIL": "a@b.example",
    "ZENDESK_TOKEN": "any",
}


@pytest.fixture
def installed_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InstalledFor:
    """An empty lake in `tmp_path`, and the settings of an installation with these sources."""

    def installed(sources: str, **settings: str) -> Lake:
        root = str(tmp_path / "lake")
        ours = {
            "JOURNEY_ROOT": root,
            "JOURNEY_ZONE": "UTC",
            "JOURNEY_START_DATE": "2026-03-01",
            "JOURNEY_SOURCES": sources,
            "JOURNEY_PSEUDONYM_KEY": "for tests",
        }
        for name, value in {**_VENDORS, **ours, **settings}.items():
            monkeypatch.setenv(name, value)
        return Lake(root)

    return installed
