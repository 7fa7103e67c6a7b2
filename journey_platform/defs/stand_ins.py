"""Dropped files in the place of a vendor: which KPIs wait for which feeds.

A KPI names the vendors' streams that its touchpoints come from. A feed whose touchpoints are of the same
channel feeds the same KPIs, beside the vendor or alone, so that their coverage rests on it too.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from journey_platform.kpis.catalogue import KPIS
from journey_platform.sources import FILES, file_mapping

_VENDOR_OF = {
    "web": "matomo",
    "email": "mailchimp",
    "ticket": "zendesk",
    "survey": "qualtrics",
    "social": "mastodon",
    "commerce": "shopify",
}

Days = Mapping[str, set[date]]


def arrived_everywhere(days: Days, sources: Sequence[str]) -> dict[str, set[date]]:
    """Days by stream; those of a vendor's streams only where the feeds of its channel arrived too."""
    told = dict(days)
    for stream, feeds in _feeds_beside(sources).items():
        parts = [days[feed] for feed in feeds]
        told[stream] = set.intersection(*parts, *([days[stream]] if stream in days else []))
    return told


def held_anywhere(days: Days, sources: Sequence[str]) -> dict[str, set[date]]:
    """Days by stream; to those of a vendor's streams the days of the feeds of its channel are added."""
    told = dict(days)
    for stream, feeds in _feeds_beside(sources).items():
        told[stream] = set.union(days.get(stream, set()), *(days.get(feed, set()) for feed in feeds))
    return told


def _feeds_beside(sources: Sequence[str]) -> dict[str, list[str]]:
    """By stream that a KPI names: the feeds of its channel."""
    if FILES not in sources:
        return {}
    mapping = file_mapping()
    named = {source for kpi in KPIS.values() for source in kpi.sources}
    beside: dict[str, list[str]] = {}
    for channel, vendor in _VENDOR_OF.items():
        feeds = [
            f"{FILES}/{feed}" for feed in mapping.TOUCHPOINT_STREAMS if channel in mapping.channels(feed)
        ]
        if feeds:
            beside |= dict.fromkeys((name for name in named if name.startswith(f"{vendor}/")), feeds)
    return beside
