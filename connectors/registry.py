"""The connectors by name. A vendor's module is imported when it is asked for, not before."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from connectors.base import Connector

_CLASSES = {
    "matomo": "connectors.web_analytics.matomo:Matomo",
    "mailchimp": "connectors.email_marketing.mailchimp:Mailchimp",
    "zendesk": "connectors.ticketing.zendesk:Zendesk",
    "qualtrics": "connectors.survey.qualtrics:Qualtrics",
    "mastodon": "connectors.social_listening.mastodon:Mastodon",
}


class _Registry(Mapping[str, type[Connector]]):
    """Vendor name -> connector class, in the order of the areas."""

    def __getitem__(self, vendor: str) -> type[Connector]:
        module, name = _CLASSES[vendor].split(":")
        found: type[Connector] = getattr(import_module(module), name)
        return found

    def __contains__(self, vendor: object) -> bool:
        return vendor in _CLASSES

    def __iter__(self) -> Iterator[str]:
        return iter(_CLASSES)

    def __len__(self) -> int:
        return len(_CLASSES)


CONNECTORS: Mapping[str, type[Connector]] = _Registry()
