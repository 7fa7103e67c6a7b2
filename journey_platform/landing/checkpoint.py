"""How far an entity archive has come: the vendor's cursor, and when we asked. Committed with the data."""

from datetime import datetime

import msgspec

from journey_platform.lake import Lake
from journey_platform.tables import Table


class Checkpoint(msgspec.Struct, frozen=True):
    """`cursor`: where the next pull goes on; None where the stream has none. `asked_at`: UTC."""

    cursor: str | None
    asked_at: datetime

    def encode(self) -> str:
        return msgspec.json.encode(self).decode()


def checkpoint(lake: Lake, table: Table) -> Checkpoint | None:
    """The last complete pull of an entity archive; None before the first."""
    text = lake.cursor(table)
    return None if text is None else msgspec.json.decode(text, type=Checkpoint)
