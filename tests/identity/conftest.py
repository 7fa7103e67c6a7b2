"""A small shop on which `journey identity` is asked."""

from pathlib import Path

import pytest

from journey_platform.cli import main
from journey_platform.lake import Lake
from tests.identity.shop import Say, enter, fill, run


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The shop's lake after a run."""
    enter(tmp_path, monkeypatch)
    made = fill(tmp_path)
    run(tmp_path)
    return made


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def said(*words: str, code: int = 0) -> list[str]:
        capsys.readouterr()
        assert main(["identity", *words]) == code
        told = capsys.readouterr()
        return (told.err if code else told.out).splitlines()

    return said
