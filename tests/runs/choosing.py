"""Whom to decide about: somebody in a lake, found by what they are and not by who they are."""

from typing import Any

from journey_platform.lake import Lake
from journey_platform.tables import IDENTIFIERS_TABLE, LINKS_TABLE


def identifiers(lake: Lake) -> dict[int, dict[str, Any]]:
    return {row["identifier_key"]: row for row in lake.read(IDENTIFIERS_TABLE).to_pylist()}


def chosen(lake: Lake) -> tuple[tuple[int, int], int]:
    """A device and the user who logged in on it, and the device of another user."""
    kind = {key: row["kind"] for key, row in identifiers(lake).items()}
    tied = [
        sorted((row["left_key"], row["right_key"]), key=lambda key: kind[key])
        for row in lake.read(LINKS_TABLE).to_pylist()
        if row["is_accepted"] and {kind[row["left_key"]], kind[row["right_key"]]} == {"cookie_id", "user_id"}
    ]
    (device, user), (other, _) = tied[0], next(pair for pair in tied if pair[1] != tied[0][1])
    return (device, user), other
