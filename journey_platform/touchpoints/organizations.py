"""Organisations as a help desk keeps them: a company's name, and the mail domains that are its own.

Which people are of them is in contacts; which accounts they make, in `profiles.accounts`.
"""

from typing import Any

import msgspec
import pyarrow as pa

from journey_platform.tables import ORGANIZATIONS
from journey_platform.touchpoints.mapping import REJECTED, Mapped, text


class _Organization(msgspec.Struct):
    id: int
    name: str
    domain_names: list[str] = []


def organizations(raw: pa.Table) -> Mapped:
    """Rows of `tables.ORGANIZATIONS` from the current versions of raw `zendesk/organizations`.

    Rejected are records that do not decode. A blank name is null; domains are lower case, sorted.
    """
    decode = msgspec.json.Decoder(_Organization).decode
    rows: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    columns = (raw[name].to_pylist() for name in ("day", "record_key", "occurred_at", "body"))
    for day, key, changed_at, body in zip(*columns, strict=True):
        try:
            told = decode(body)
        except msgspec.DecodeError as error:
            reason, _, place = str(error).partition(" - at ")
            rejected.append(
                {
                    "day": day,
                    "table": ORGANIZATIONS.name,
                    "record_key": f"zendesk/organizations/{key}",
                    "reason": reason,
                    "field": place.strip("`").removeprefix("$."),
                    "severity": "error",
                    "body": body,
                }
            )
            continue
        rows.append(
            {
                "organization": f"zendesk:{told.id}",
                "name": text(told.name),
                "domains": sorted({name.strip().lower() for name in told.domain_names} - {""}),
                "changed_at": changed_at,
            }
        )
    return Mapped(
        rows=pa.Table.from_pylist(rows, schema=ORGANIZATIONS.schema).sort_by("organization"),
        rejected=pa.Table.from_pylist(rejected, schema=REJECTED).sort_by(
            [("day", "ascending"), ("record_key", "ascending")]
        ),
    )
