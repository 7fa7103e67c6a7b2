"""Where requests may go: one scheme, host and port, from the configured base URL.

A link from a body or header gives its path and query; its authority is compared and then thrown away, so that
two URL parsers which disagree about it cannot send credentials elsewhere.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urljoin, urlsplit

from connectors.errors import ConfigurationError, HostMismatch

_DEFAULT_PORTS = {"https": 443, "http": 80}
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


class BaseUrl:
    """A vendor's base URL. `text` has no slash at its end.

    Raises `ConfigurationError` naming `<VENDOR>_BASE_URL` for what is not an https URL; http is allowed to
    this machine only.
    """

    def __init__(self, text: str, vendor: str) -> None:
        name = f"{vendor.upper()}_BASE_URL"
        try:
            parts = urlsplit(text)
            is_url = bool(parts.hostname) and parts.port != 0 and not _UNSAFE.search(text)
        except ValueError:
            is_url = False
        if not is_url:
            raise ConfigurationError(f"{name} is not a URL", where=vendor)
        if parts.username is not None or parts.query or parts.fragment:
            raise ConfigurationError(f"{name} must hold no user, query or fragment", where=vendor)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ConfigurationError(f"{name} must be an https URL (http only to this machine)", where=vendor)
        self.text = text.rstrip("/")
        self._root = f"{parts.scheme}://{parts.netloc}"
        self._origin = _origin(parts)

    def is_own(self, url: str) -> bool:
        """Whether the URL has our scheme, host and port, and names no user."""
        if _UNSAFE.search(url):
            return False
        try:
            parts = urlsplit(url)
            return _origin(parts) == self._origin and parts.username is None
        except ValueError:
            return False

    def pinned(self, link: str, *, relative_to: str | None = None, where: str = "") -> str:
        """The link's path and query on our own host. Raises `HostMismatch` where it points elsewhere."""
        try:
            url = urljoin(relative_to or f"{self.text}/", link)
        except ValueError:
            url = ""
        if _UNSAFE.search(link) or not self.is_own(url):
            raise HostMismatch("a link leaves the configured host; not followed", where=where)
        parts = urlsplit(url)
        query = f"?{parts.query}" if parts.query else ""
        return f"{self._root}{parts.path or '/'}{query}"


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, (parts.hostname or ""), parts.port or _DEFAULT_PORTS.get(parts.scheme)


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
