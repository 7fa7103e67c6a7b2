"""A trouble is told when it begins, changes and ends: once each, and also on a channel that was down."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.config import Secret
from connectors.errors import ConfigurationError
from journey_platform.alerting.alert import Alert, Notice
from journey_platform.alerting.channels import Webhook
from journey_platform.alerting.freshness import limit_hours, stale
from journey_platform.alerting.memory import Memory
from tests.servers.raw_socket import RawServer, answer

START = datetime(2026, 11, 21, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def alert(state: str) -> Alert:
    return Alert("check/a", state, "a failed", "/assets/a")


def look(memory: Memory, state: str, minute: int) -> list[Notice]:
    """One look at the check: its state, or "" where it passed."""
    return memory.raise_alert(alert(state), at(minute)) if state else memory.recover("check/a", at(minute))


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        pytest.param(["error"], ["raised"], id="begins"),
        pytest.param(["error", "error", "error"], ["raised"], id="goes on"),
        pytest.param(["error", "", ""], ["raised", "recovered"], id="ends"),
        pytest.param(["", ""], [], id="never was"),
        pytest.param(["warn", "error", "error"], ["raised", "changed"], id="gets worse"),
        pytest.param(["error", "", "error"], ["raised", "recovered", "raised"], id="comes back"),
    ],
)
def test_a_trouble_is_told_once_a_state(seen: list[str], told: list[str]) -> None:
    memory, notices = Memory(), []
    for minute, state in enumerate(seen):
        # Between two looks only what is encoded survives.
        memory = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
        notices += (
            memory.raise_alert(alert(state), at(minute)) if state else memory.recover("check/a", at(minute))
        )
    assert [notice.happening for notice in notices] == told


def test_an_older_sign_of_recovery_does_not_end_a_trouble() -> None:
    memory = Memory()
    memory.raise_alert(alert("error"), at(5))
    assert memory.recover("check/a", at(4)) == []
    assert [notice.happening for notice in memory.recover("check/a", at(6))] == ["recovered"]


def test_a_return_has_an_id_of_its_own_and_its_recovery_the_same_id() -> None:
    memory = Memory()
    told: list[Notice] = []
    for minute, state in enumerate(["error", "", "error"]):
        told += (
            memory.raise_alert(alert(state), at(minute)) if state else memory.recover("check/a", at(minute))
        )
    assert told[0].id == told[1].id != told[2].id


def test_what_a_receiver_did_not_take_reaches_it_later_and_the_other_receiver_only_once() -> None:
    memory = Memory()
    down, up = answer(b"", status="503 Busy"), answer(b"{}")
    with RawServer(up) as steady, RawServer(down, down, up) as flaky:
        told = {"a": Webhook(Secret(steady.url)), "b": Webhook(Secret(flaky.url))}
        troubles = []
        for minute, notices in enumerate(
            [memory.raise_alert(alert("error"), at(0)), memory.recover("check/a", at(1)), [], []]
        ):
            troubles += memory.tell(notices, told, at(minute))
            memory = msgspec.json.decode(msgspec.json.encode(memory), type=Memory)
    happenings = [[n["happening"] for n in msgspec.json.decode(body)["alerts"]] for body in steady.bodies]
    assert happenings == [["raised"], ["recovered"]]
    happenings = [[n["happening"] for n in msgspec.json.decode(body)["alerts"]] for body in flaky.bodies]
    assert happenings == [["raised"], ["raised", "recovered"], ["raised", "recovered"]]
    assert troubles == [
        "b: the receiver answered 503; 1 waiting",
        "b: the receiver answered 503; 2 waiting",
    ]


@dataclass
class Counting:
    """Takes everything."""

    sent: list[Sequence[Notice]] = field(default_factory=list)

    def send(self, notices: Sequence[Notice]) -> None:
        self.sent.append(notices)


def test_after_a_day_what_waited_is_given_up() -> None:
    memory = Memory(waiting={"a": look(Memory(), "error", 0)})
    channel = Counting()
    assert memory.tell([], {"a": channel}, at(24 * 60)) == []
    assert (channel.sent, memory.waiting) == ([], {})


@pytest.mark.parametrize(
    ("until", "late"),
    [
        pytest.param({"visits": at(0), "sites": at(0)}, None, id="fresh"),
        pytest.param({"visits": at(-37 * 60), "sites": at(0)}, {"visits": "37 h old"}, id="one is old"),
        pytest.param({"visits": at(0), "sites": None}, {"sites": "never arrived"}, id="one never came"),
    ],
)
def test_a_vendor_is_late_where_one_of_its_streams_is(
    until: dict[str, datetime | None], late: dict[str, str] | None
) -> None:
    found = stale("matomo", until, 36, at(0))
    assert (None if found is None else dict(found.facts)) == (late and {**late, "limit": "36 h"})


@pytest.mark.parametrize(
    ("environment", "hours"),
    [
        pytest.param({}, 36, id="default"),
        pytest.param({"JOURNEY_FRESH_HOURS": "30"}, 30, id="all"),
        pytest.param({"JOURNEY_FRESH_HOURS": "30", "JOURNEY_FRESH_HOURS_MATOMO": "12.5"}, 12.5, id="its own"),
    ],
)
def test_a_limit_is_declared_for_all_and_for_one(environment: dict[str, str], hours: float) -> None:
    assert limit_hours("matomo", environment) == hours


@pytest.mark.parametrize("text", ["soon", "0", "-3", "nan"])
def test_a_limit_that_is_no_number_of_hours_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError, match="JOURNEY_FRESH_HOURS_MATOMO"):
        limit_hours("matomo", {"JOURNEY_FRESH_HOURS_MATOMO": text})
