"""How a request says who asks: Basic, bearer, a named header, or a field of the POST form.

Credentials are revealed here and nowhere else, after `http` has checked where the request goes.
Never in a URL: URLs end in logs.
"""

import base64
from typing import Protocol

from connectors.config import Secret


class Auth(Protocol):
    """What a request carries to be let in."""

    def headers(self) -> dict[str, str]:
        """Headers added to every request."""

    def form_fields(self) -> dict[str, str]:
        """Fields added to the form of every POST."""

    def secrets(self) -> tuple[str, ...]:
        """The secret texts themselves, so that no message repeats one that a vendor echoed."""


class _HeaderOnly:
    def form_fields(self) -> dict[str, str]:
        return {}


class BasicAuth(_HeaderOnly):
    """`Authorization: Basic`, the secret as password."""

    def __init__(self, user: str, password: Secret) -> None:
        self._user = user
        self._password = password

    def headers(self) -> dict[str, str]:
        pair = f"{self._user}:{self._password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def secrets(self) -> tuple[str, ...]:
        return (self._password.reveal(),)


class HeaderAuth(_HeaderOnly):
    """A header of the vendor's own, such as `X-API-TOKEN`."""

    def __init__(self, name: str, value: Secret) -> None:
        self._name = name
        self._value = value

    def headers(self) -> dict[str, str]:
        return {self._name: self._value.reveal()}

    def secrets(self) -> tuple[str, ...]:
        return (self._value.reveal(),)


class BearerAuth(_HeaderOnly):
    """`Authorization: Bearer`."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token.reveal()}"}

    def secrets(self) -> tuple[str, ...]:
        return (self._token.reveal(),)


class FormTokenAuth:
    """A field of the POST form; a request with another kind of body goes without it."""

    def __init__(self, field: str, token: Secret) -> None:
        self._field = field
        self._token = token

    def headers(self) -> dict[str, str]:
        return {}

    def form_fields(self) -> dict[str, str]:
        return {self._field: self._token.reveal()}

    def secrets(self) -> tuple[str, ...]:
        return (self._token.reveal(),)
