"""Organisations as a help desk keeps them: a company's name, and the mail domains that are its own.

Which people are of them is in contacts; which accounts they make, in `profiles.accounts`.
"""

import msgspec
import pyarrow as pa

from journey_platform.tables import ORGANIZATIONS
from journey_platform.touchpoints.mapping import Mapped, read_records, text


class _Organization(msgspec.Struct):
    id: int
    name: str
    domain_names: list[str] = []


def organizations(raw: pa.Table) -> Mapped:
    """Rows of `tables.ORGANIZATIONS` from the current versions of raw `zendesk/organizations`.

    Rejected are records that do not decode. A blank name is null; domains are lower case, sorted.
    """
    decode = msgspec.json.Decoder(_Organization).decode
    found, rejected = read_records(ORGANIZATIONS, "zendesk/organizations", raw, decode)
    rows = [
        {
            "organization": f"zendesk:{told.id}",
            "name": text(told.name),
            "domains": sorted({name.strip().lower() for name in told.domain_names} - {""}),
            "changed_at": changed_at,
        }
        for told, changed_at in found
    ]
    return Mapped(
        rows=pa.Table.from_pylist(rows, schema=ORGANIZATIONS.schema).sort_by("organization"),
        rejected=rejected,
    )
