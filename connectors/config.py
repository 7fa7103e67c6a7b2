"""A connector's settings: frozen dataclasses filled from environment variables.

Values are read when a connector is built, never at import. A secret is a `Secret`, whose repr and str
show nothing.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from connectors.errors import ConfigurationError

_METADATA = "journey.setting"


class Secret:
    """A string that does not show itself. `reveal()` is called only where a header is built."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(********)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> Any:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: the environment variable, whether it is secret or required, and what it means."""

    env: str
    help: str
    is_secret: bool
    default: str | None

    @property
    def is_required(self) -> bool:
        return self.default is None


def setting(env: str, help: str, *, default: str | None = None) -> Any:  # noqa: A002
    """Declare a plain setting of a connector's config class. Without a default it is required."""
    return dataclasses.field(metadata={_METADATA: Setting(env, help, False, default)})


def secret(env: str, help: str, *, default: str | None = None) -> Any:  # noqa: A002
    """Declare a secret setting; its attribute holds a `Secret`."""
    return dataclasses.field(metadata={_METADATA: Setting(env, help, True, default)})


def settings_of(config_class: type[Any]) -> dict[str, Setting]:
    """The settings of a config class by attribute name, in declaration order."""
    return {f.name: f.metadata[_METADATA] for f in dataclasses.fields(config_class)}


def missing_settings(config_class: type[Any], environment: Mapping[str, str]) -> list[str]:
    """Names of required variables that are absent or empty. Looks at names only, reads no secret."""
    return [s.env for s in settings_of(config_class).values() if s.is_required and not environment.get(s.env)]


T = TypeVar("T")


def from_environment(config_class: type[T], environment: Mapping[str, str]) -> T:
    """Build a config from environment variables.

    Raises `ConfigurationError` naming every missing variable at once.
    """
    missing = missing_settings(config_class, environment)
    if missing:
        raise ConfigurationError(f"missing setting{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    values: dict[str, Any] = {}
    for name, declared in settings_of(config_class).items():
        text = environment.get(declared.env) or declared.default or ""
        values[name] = Secret(text) if declared.is_secret else text
    return config_class(**values)
