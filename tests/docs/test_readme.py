"""The README names what there is: every vendor and every setting of the platform."""

import re
from pathlib import Path

from connectors.registry import CONNECTORS
from journey_platform import settings

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_every_setting_that_is_read_is_in_the_readme() -> None:
    read = set(re.findall(r"JOURNEY_[A-Z_]*[A-Z]", Path(settings.__file__).read_text()))
    assert len(read) > 10
    assert read - set(re.findall(r"JOURNEY_[A-Z_]*[A-Z]", README)) == set()


def test_every_vendor_is_named_in_the_readme() -> None:
    [said] = re.findall(r"`connectors/`\) read ([^.]*)\.", README)
    assert set(re.findall(r"[A-Z][a-z]+", said)) == {vendor.capitalize() for vendor in CONNECTORS}
