"""The mappings by vendor."""

from collections.abc import Mapping
from typing import Protocol

import pyarrow as pa

from journey_platform.touchpoints import mailchimp, mastodon, matomo, qualtrics, shopify, zendesk
from journey_platform.touchpoints.mapping import LookedUp, Mapped


class Mapper(Protocol):
    """What every vendor's module offers.

    `raw`: the raw tables by stream, those of entity streams in their current state. `LOOKUPS`: those of
    `TOUCHPOINT_STREAMS` that only say something about the records of the others.
    """

    TOUCHPOINT_STREAMS: tuple[str, ...]
    CONTACT_STREAMS: tuple[str, ...]
    LOOKUPS: Mapping[str, LookedUp]

    def touchpoints(self, raw: Mapping[str, pa.Table], *, zone: str) -> Mapped: ...

    def contacts(self, raw: Mapping[str, pa.Table], *, zone: str) -> Mapped: ...


MAPPINGS: Mapping[str, Mapper] = {
    "matomo": matomo,
    "mailchimp": mailchimp,
    "zendesk": zendesk,
    "qualtrics": qualtrics,
    "mastodon": mastodon,
    "shopify": shopify,
}
