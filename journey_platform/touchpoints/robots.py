"""Declared robots: visitors whose user agent or browser says that they are a machine.

The list is our own, of the words by which crawlers, monitors and HTTP libraries name themselves in their
published user agents. It finds robots that say so, not those that hide.
"""

import re
from functools import lru_cache

ROBOTS_VERSION = "2026-11"

_ROBOT = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|headless|phantomjs|lighthouse|pingdom|uptime|monitor(?:ing)?\b"
    r"|facebookexternalhit|mediapartners|feedfetcher|preview\b|archiver|scrap(?:er|y)"
    r"|^curl/|^wget/|python-requests|python-urllib|aiohttp|go-http-client|okhttp|libwww|java/\d|axios/",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def is_declared_robot(*names: str | None) -> bool:
    """Whether a user agent or a browser's name declares a robot."""
    return any(name is not None and _ROBOT.search(name) is not None for name in names)
