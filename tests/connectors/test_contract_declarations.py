"""What each connector says about itself: names, streams, keys, settings; and whether its credentials work."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.base import Stream, StreamKind
from connectors.config import Secret, from_environment, missing_settings, settings_of
from connectors.errors import AuthenticationFailed, ConfigurationError, Unavailable
from connectors.registry import CONNECTORS
from journey_platform.demo.vendors.faults import Fault, Faults
from journey_platform.demo.vendors.server import serve
from tests.connectors.contract import STREAMS, VENDORS, build
from tests.demo.worlds import small_world

CATALOGUE = Path(__file__).with_name("catalogue.json")
SECRET_WORDS = re.compile(r"token|password|passwd|key|secret|credential|refresh|jwt|certificate|private")


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with serve(small_world()) as served:
        yield served.environment


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_connector_lives_where_its_names_say(vendor: str) -> None:
    connector = CONNECTORS[vendor]
    assert connector.vendor == vendor
    assert connector.__module__ == f"connectors.{connector.area}.{vendor}"
    names = [stream.name for stream in connector.streams]
    assert names == list(dict.fromkeys(names)) != []


@pytest.mark.parametrize(("vendor", "stream"), STREAMS)
def test_a_stream_is_declared_whole(vendor: str, stream: Stream) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*", stream.name)
    assert stream.grain
    assert not stream.grain.lower().startswith(("one row", "row"))
    assert stream.primary_key
    assert stream.is_replayable == (stream.kind is StreamKind.EVENT)
    assert (stream.lookback_days > 0) == stream.is_replayable


@pytest.mark.parametrize("vendor", VENDORS)
def test_settings_are_named_after_the_vendor_and_what_sounds_secret_is_secret(vendor: str) -> None:
    config_class = CONNECTORS[vendor].config_class
    for name, declared in settings_of(config_class).items():
        assert declared.env.startswith(f"{vendor.upper()}_")
        assert declared.help
        assert declared.is_secret == bool(SECRET_WORDS.search(name)), declared.env
        assert not (declared.is_secret and declared.default), f"{declared.env} has a secret in the source"


def test_the_catalogue_changes_only_on_purpose() -> None:
    """Names, keys and settings are what other people's lakes and deployments rest on."""
    told = {
        vendor: {
            "settings": {
                declared.env: {"required": declared.is_required, "secret": declared.is_secret}
                for declared in settings_of(connector.config_class).values()
            },
            "streams": {
                stream.name: {
                    "kind": stream.kind.value,
                    "primary_key": list(stream.primary_key),
                    "lookback_days": stream.lookback_days,
                    "personal_fields": list(stream.personal_fields),
                }
                for stream in connector.streams
            },
        }
        for vendor, connector in CONNECTORS.items()
    }
    assert told == json.loads(CATALOGUE.read_text())


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_config_shows_no_secret(vendor: str, environment: dict[str, str]) -> None:
    config = from_environment(CONNECTORS[vendor].config_class, environment)
    secrets = [value for value in vars_of(config).values() if isinstance(value, Secret)]
    assert secrets
    shown = f"{config!r} {config} {build(vendor, environment)!r}"
    assert not [secret for secret in secrets if secret.reveal() in shown]


def vars_of(config: object) -> dict[str, object]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}  # type: ignore[arg-type]


@pytest.mark.parametrize("vendor", VENDORS)
def test_good_credentials_pass_the_check(vendor: str, environment: dict[str, str]) -> None:
    build(vendor, environment).check()


@pytest.mark.parametrize("status", ["401", "403"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_refused_credentials_fail_the_check(vendor: str, status: str) -> None:
    with serve(small_world(), faults=Faults(Fault(vendor, "/", status, times=None))) as served:  # type: ignore[arg-type]
        with pytest.raises(AuthenticationFailed, match=rf"^{vendor}: .*{status}"):
            build(vendor, served.environment).check()
        assert served.requests[vendor] == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_secret_fails_the_check(vendor: str, environment: dict[str, str]) -> None:
    secrets = [s.env for s in settings_of(CONNECTORS[vendor].config_class).values() if s.is_secret]
    wrong = environment | {env: f"wrong-canary-{environment[env][-4:]}" for env in secrets}
    with pytest.raises(AuthenticationFailed) as caught:
        build(vendor, wrong).check()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unreachable_vendor_fails_the_check_as_unavailable(vendor: str) -> None:
    with serve(small_world()) as served:
        environment = dict(served.environment)
    with pytest.raises(Unavailable, match=rf"^{vendor}: .*refused"):
        build(vendor, environment).check()


@pytest.mark.parametrize("vendor", VENDORS)
def test_missing_settings_stop_at_once_with_every_name(vendor: str) -> None:
    config_class = CONNECTORS[vendor].config_class
    required = [declared.env for declared in settings_of(config_class).values() if declared.is_required]
    assert missing_settings(config_class, {}) == required
    with pytest.raises(ConfigurationError) as caught:
        build(vendor, {})
    assert all(env in str(caught.value) for env in required)


@pytest.mark.parametrize("url", ["http://vendor.example", "nonsense", "https://me:canary@vendor.example"])
@pytest.mark.parametrize("vendor", VENDORS)
def test_an_unsafe_address_stops_at_once_naming_its_setting(
    vendor: str, url: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=f"{vendor.upper()}_BASE_URL") as caught:
        build(vendor, environment | {f"{vendor.upper()}_BASE_URL": url})
    assert url not in str(caught.value)
