"""The connectors by name. A vendor's module is imported when it is asked for, not before."""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module

from connectors.base import Connector

FILES = "files"
"""The source of dropped files. It is none of `CONNECTORS`: its streams are those that a folder declares."""

_CLASSES = {
    "matomo": "connectors.web_analytics.matomo:Matomo",
    "mailchimp": "connectors.email_marketing.mailchimp:Mailchimp",
    "zendesk": "connectors.ticketing.zendesk:Zendesk",
    "qualtrics": "connectors.survey.qualtrics:Qualtrics",
    "mastodon": "connectors.social_listening.mastodon:Mastodon",
    "shopify": "connectors.commerce.shopify:Shopify",
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


def connector_of(source: str, environment: Mapping[str, str] = os.environ) -> type[Connector]:
    """The class of a vendor, or of the files dropped in the folder of JOURNEY_FILES.

    Raises KeyError for another name, and `ConfigurationError` where the folder's declaration is wrong.
    """
    if source != FILES:
        return CONNECTORS[source]
    from connectors.files.drops import FileDrops, of_folder

    folder = environment.get("JOURNEY_FILES")
    return of_folder(folder) if folder else FileDrops


def sources(environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names of what can be read: every vendor, and files where a folder is set."""
    return (*CONNECTORS, FILES) if environment.get("JOURNEY_FILES") else tuple(CONNECTORS)
