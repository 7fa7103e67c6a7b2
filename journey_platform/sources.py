"""What a source is made of: its connector, its mapping and its raw tables, by name.

The vendors' are fixed. Those of dropped files follow from the declaration in the folder of JOURNEY_FILES,
which is read when they are asked for.
"""

import os
from collections.abc import Mapping

from connectors.base import Stream, StreamKind
from connectors.files.declaration import declared
from connectors.registry import FILES, connector_of, sources
from journey_platform.identity.normalise import KINDS
from journey_platform.identity.observations import REFERENCES
from journey_platform.tables import Table, raw_table
from journey_platform.touchpoints.files import DeclarationMistake, FeedRules, FileMapping
from journey_platform.touchpoints.vendors import MAPPINGS, Mapper

__all__ = ["FILES", "archive_of", "archives", "connector_of", "file_mapping", "mapping_of", "sources"]


def archive_of(source: str, stream: Stream) -> Table:
    """The raw table of a stream."""
    return raw_table(source, stream.name, stream.grain, is_entity=stream.kind is StreamKind.ENTITY)


def archives() -> dict[str, Table]:
    """The raw table of every stream of every source, by the table's name: raw/SOURCE/STREAM."""
    tables = (archive_of(source, stream) for source in sources() for stream in connector_of(source).streams)
    return {table.name: table for table in tables}


def mapping_of(source: str, environment: Mapping[str, str] = os.environ) -> Mapper:
    """The mapping of a source. Raises `ConfigurationError` where a declaration is wrong."""
    return file_mapping(environment) if source == FILES else MAPPINGS[source]


def file_mapping(environment: Mapping[str, str] = os.environ) -> FileMapping:
    """The mapping of the declared feeds. Raises `ConfigurationError` naming file, line and key."""
    told = declared(environment["JOURNEY_FILES"])
    feeds = {
        name: FeedRules(feed.kind == "event", feed.touchpoints, feed.contacts)
        for name, feed in told.feeds.items()
    }
    try:
        return FileMapping(feeds, (*KINDS, *REFERENCES))
    except DeclarationMistake as mistake:
        raise told.mistake(f"feeds.{mistake.path}", mistake.reason) from None
