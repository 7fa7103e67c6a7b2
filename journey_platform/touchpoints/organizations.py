"""Organisations as a help desk keeps them: a company's name, the mail domains that are its own, its users.

The one organisation that a user's own record names is in contacts, too; which accounts they all make, in
`profiles.accounts`.
"""

from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa

from journey_platform.tables import ORGANIZATION_MEMBERS, ORGANIZATIONS
from journey_platform.touchpoints.mapping import Mapped, decoded, iso, microseconds, read_records, text


class _Organization(msgspec.Struct):
    id: int
    name: str
    domain_names: list[str] = []


class _Membership(msgspec.Struct):
    id: int
    organization_id: int
    updated_at: datetime
    default: bool | None = None


class _Memberships(msgspec.Struct):
    user_id: int
    memberships: list[_Membership]


class _User(msgspec.Struct):
    id: int
    organization_id: int | None = None


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


def organization_members(raw: pa.Table, users: pa.Table) -> Mapped:
    """Rows of `tables.ORGANIZATION_MEMBERS` from the current versions of two raw streams of `zendesk`,
    `organization_memberships` and `users`.

    Who has left the last organisation is listed no more: their own record then names none, and what was
    listed of them before no longer holds. Rejected are records that do not decode.
    """
    decode = msgspec.json.Decoder(_Memberships).decode
    found, rejected = read_records(ORGANIZATION_MEMBERS, "zendesk/organization_memberships", raw, decode)
    gone = {user.id for _, user in decoded(users, _User) if user.organization_id is None}
    rows = [
        _member(told.user_id, membership)
        for told, _ in found
        if told.user_id not in gone
        for membership in told.memberships
    ]
    written = pa.Table.from_pylist(rows, schema=ORGANIZATION_MEMBERS.schema)
    return Mapped(rows=written.sort_by("contact_id"), rejected=rejected)


def _member(user_id: int, membership: _Membership) -> dict[str, Any]:
    place = f"zendesk/organization_memberships/{user_id}#{membership.id}"
    return {
        "contact_id": f"{place}@{iso(microseconds(membership.updated_at))}",
        "vendor": "zendesk",
        "record": f"zendesk/users/{user_id}",
        "organization": f"zendesk:{membership.organization_id}",
        "identifiers": [{"kind": "zendesk_user_id", "value": str(user_id)}],
        "is_default": membership.default is True,
        "observed_at": membership.updated_at,
    }
