"""Errors of a connector, by what the caller should do next.

Retrying may help: `Unavailable`, `RateLimited`, `Truncated`. It cannot: `Rejected` and its kinds.
The configuration is wrong: `ConfigurationError`. A record that cannot be used is not an exception:
it is a `connectors.base.BadRecord`, so that one record never stops its window.

Messages name the connector, the stream and the path. They never carry a secret, a query string, a
response body or a customer's data.
"""


class ConnectorError(Exception):
    """Something went wrong while reading a vendor. `where` is "vendor/stream" or "vendor"."""

    def __init__(self, message: str, *, where: str = "") -> None:
        self.message = message
        self.where = where
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class RetryableError(ConnectorError):
    """The same request may succeed later: bounded retries were used up."""


class Unavailable(RetryableError):  # noqa: N818 - the state, not an accident
    """Connection refused or reset, a time-out, 408 or 5xx."""


class RateLimited(RetryableError):  # noqa: N818
    """429, or a wait longer than the cap was asked for. `retry_after_s` is what the vendor asked."""

    def __init__(self, message: str, *, where: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, where=where)
        self.retry_after_s = retry_after_s


class Truncated(RetryableError):  # noqa: N818
    """A body, page series or export ended before its own end marker, count or total said so."""


class Rejected(ConnectorError):  # noqa: N818
    """The vendor answered, and repeating the request cannot help."""


class AuthenticationFailed(Rejected):
    """401, 403, or the vendor's own "no access" answer."""


class NotFound(Rejected):
    """404 or 410: the parent object is gone."""


class UnexpectedResponse(Rejected):
    """An answer that is not what the contract says: HTML with 200, an error inside a 200, wrong JSON."""


class HostMismatch(Rejected):
    """A redirect or a link in a body pointed to another scheme, host or port. Nothing was sent there."""


class PaginationLoop(Rejected):
    """A page token came back, or pages stayed empty while more were promised."""


class TooLarge(Rejected):
    """A response or archive passed its limit of bytes, entries, ratio or depth."""


class ConfigurationError(ConnectorError):
    """A setting is missing or malformed. The message names the setting, never its value."""
