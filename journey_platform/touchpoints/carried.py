"""Where raw records carry identifiers, by field: also in records that mapping refuses or leaves out.

Which identifiers become touchpoints is in each vendor's mapping; here is only where one may stand. Addresses,
numbers, handles and long ids are recognised wherever they stand; what is listed here are the fields of ids
that could be anything, such as 81.
"""

from collections.abc import Mapping

_PERSON, _TICKET = "zendesk_user_id", "ticket_id"

_FIELDS: Mapping[str, Mapping[str, str]] = {
    "matomo": {"visitorId": "cookie_id", "userId": "user_id"},
    "mailchimp": {"email_id": "mailchimp_email_id", "unique_email_id": "click_id"},
    "mailchimp/members": {".id": "mailchimp_email_id", "LOYALTYID": "loyalty_id"},
    "shopify/orders": {
        ".email": "email",
        ".phone": "phone",
        ".customer.id": "shopify_customer_id",
        ".customer.email": "email",
        ".customer.phone": "phone",
        ".note_attributes.loyalty id": "loyalty_id",
        "code": "promo_code",
    },
    "zendesk": {
        "requester_id": _PERSON,
        "submitter_id": _PERSON,
        "author_id": _PERSON,
        "collaborator_ids": _PERSON,
        "follower_ids": _PERSON,
        "email_cc_ids": _PERSON,
        "ticket_id": _TICKET,
    },
    "zendesk/users": {".id": _PERSON, "external_id": "user_id"},
    "zendesk/organization_memberships": {"user_id": _PERSON},
    "zendesk/tickets": {".id": _TICKET},
    "qualtrics": {"externalDataReference": "user_id", "ticket_id": _TICKET},
    "mastodon": {"acct": "social_handle"},
}
"""By vendor, and by vendor/stream: field -> kind, at any depth; ".field" only at the top, ".field.part" in
it: of a list of notes, the value of the note of that name. Where a code stands that others may use, every
field that names a person is listed, so that it is known of a record whether it names anybody."""

THINGS: Mapping[str, str] = {"zendesk/tickets": _TICKET}
"""Streams whose records are things that other records name: the kind of the record's key."""

SUBJECTS: Mapping[str, str] = {"zendesk": _TICKET}
"""Vendors whose touchpoints are all about such a thing: the kind of their `subject_id`."""


def fields_of(vendor: str, stream: str) -> dict[str, str]:
    """The fields of a stream's records that carry an identifier or a reference, with its kind."""
    return {**_FIELDS.get(vendor, {}), **_FIELDS.get(f"{vendor}/{stream}", {})}


def spelled(name: object) -> str:
    """A note's name, however a shop has spelt it."""
    return str(name or "").strip().rstrip("?").lower().replace("_", " ")
