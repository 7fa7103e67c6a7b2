"""Tickets, users, organisations, who is in them, metric events and ratings as Zendesk writes them."""

from datetime import UTC, datetime
from typing import Any

from journey_platform.demo.vendors.messages import epoch, iso_z
from journey_platform.demo.world import Membership, Organization, SupportUser, Ticket, World

AGENT_ID = 900000001
OTHER_HOST = "https://shop-demo.zendesk.example"


class Rows:
    """The rows as they read at `as_of`: what changed later is still in its first state."""

    def __init__(self, world: World, as_of: datetime) -> None:
        self._as_of = as_of
        self._zone = world.zone
        self._user_of = {user.user_id: user for user in world.support_users}
        self._name_of = {body.organization_id: body.name for body in world.organizations}

    def _status(self, ticket: Ticket) -> str:
        return ticket.status if ticket.changed_at <= self._as_of else "open"

    def _changed_at(self, ticket: Ticket) -> datetime:
        return ticket.changed_at if ticket.changed_at <= self._as_of else ticket.created_at

    def generated(self, ticket: Ticket) -> int:
        """When the server wrote the row: a second after the change, as in the recordings."""
        return epoch(self._changed_at(ticket)) + 1

    def user_changed_at(self, user: SupportUser) -> datetime:
        return user.changed_at if user.changed_at <= self._as_of else user.created_at

    def ticket(self, generated: int, ticket_id: int, ticket: Ticket) -> dict[str, Any]:
        requester = self._user_of.get(ticket.requester_id)
        is_mail = ticket.channel == "email" and requester is not None
        sender = {"address": requester.email, "name": requester.name} if is_mail and requester else {}
        is_rated = ticket.rated_at is not None and ticket.rated_at <= self._as_of
        return {
            "url": f"{OTHER_HOST}/api/v2/tickets/{ticket_id}.json",
            "id": ticket_id,
            "external_id": None,
            "via": {"channel": ticket.channel, "source": {"from": sender, "to": {}, "rel": None}},
            "created_at": iso_z(ticket.created_at),
            "updated_at": iso_z(self._changed_at(ticket)),
            "type": None,
            "subject": ticket.subject,
            "raw_subject": ticket.subject,
            "description": ticket.description,
            "priority": None,
            "status": self._status(ticket),
            "recipient": None,
            "requester_id": ticket.requester_id,
            "submitter_id": ticket.requester_id,
            "assignee_id": AGENT_ID,
            "organization_id": requester.organization_id if requester else None,
            "group_id": None,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "forum_topic_id": None,
            "problem_id": None,
            "has_incidents": False,
            "is_public": True,
            "due_at": None,
            "tags": ticket.tags,
            "custom_fields": [],
            "satisfaction_rating": self._score(ticket) if is_rated else None,
            "sharing_agreement_ids": [],
            "custom_status_id": 1,
            "fields": [],
            "followup_ids": [],
            "ticket_form_id": 1,
            "brand_id": 1,
            "allow_channelback": False,
            "allow_attachments": True,
            "from_messaging_channel": False,
            "generated_timestamp": generated,
        }

    def user(self, _: int, user_id: int, user: SupportUser) -> dict[str, Any]:
        return {
            "id": user_id,
            "url": f"{OTHER_HOST}/api/v2/users/{user_id}.json",
            "name": user.name,
            "email": user.email,
            "created_at": iso_z(user.created_at),
            "updated_at": iso_z(self.user_changed_at(user)),
            "time_zone": self._zone,
            "iana_time_zone": self._zone,
            "phone": user.phone,
            "shared_phone_number": None if user.phone is None else False,
            "photo": None,
            "locale_id": 1,
            "locale": "en-US",
            "organization_id": user.organization_id,
            "role": "end-user",
            "verified": user.email is not None,
            "external_id": user.external_id,
            "tags": [],
            "alias": None,
            "active": True,
            "shared": False,
            "shared_agent": False,
            "last_login_at": None,
            "two_factor_auth_enabled": False,
            "signature": None,
            "details": None,
            "notes": None,
            "role_type": None,
            "custom_role_id": None,
            "moderator": False,
            "ticket_restriction": "requested",
            "only_private_comments": False,
            "restricted_agent": True,
            "suspended": False,
            "default_group_id": None,
            "report_csv": False,
            "user_fields": {},
        }

    def organization(self, second: int, organization_id: int, organization: Organization) -> dict[str, Any]:
        return {
            "url": f"{OTHER_HOST}/api/v2/organizations/{organization_id}.json",
            "id": organization_id,
            "name": organization.name,
            "shared_tickets": False,
            "shared_comments": False,
            "external_id": None,
            "created_at": iso_z(organization.created_at),
            "updated_at": iso_z(datetime.fromtimestamp(second, UTC)),
            "domain_names": organization.domain_names,
            "details": None,
            "notes": None,
            "group_id": None,
            "tags": [],
            "organization_fields": {},
        }

    def membership(self, second: int, membership_id: int, membership: Membership) -> dict[str, Any]:
        """`default` is null where it is not, as Zendesk has it."""
        at = iso_z(datetime.fromtimestamp(second, UTC))
        return {
            "url": f"{OTHER_HOST}/api/v2/organization_memberships/{membership_id}.json",
            "id": membership_id,
            "user_id": membership.user_id,
            "organization_id": membership.organization_id,
            "default": membership.is_default or None,
            "created_at": at,
            "organization_name": self._name_of[membership.organization_id],
            "updated_at": at,
            "view_tickets": True,
        }

    def event(self, second: int, event_id: int, event: tuple[Ticket, str, str]) -> dict[str, Any]:
        ticket, metric, kind = event
        return {
            "id": event_id,
            "ticket_id": ticket.ticket_id,
            "metric": metric,
            "instance_id": 1,
            "type": kind,
            "time": iso_z(datetime.fromtimestamp(second, UTC)),
        }

    def _score(self, ticket: Ticket) -> dict[str, Any]:
        return {"id": ticket.ticket_id, "score": ticket.rating, "comment": ticket.rating_comment}

    def rating(self, second: int, _: int, ticket: Ticket) -> dict[str, Any]:
        at = iso_z(datetime.fromtimestamp(second, UTC))
        return {
            "url": f"{OTHER_HOST}/api/v2/satisfaction_ratings/{ticket.ticket_id}.json",
            **self._score(ticket),
            "assignee_id": AGENT_ID,
            "group_id": None,
            "requester_id": ticket.requester_id,
            "ticket_id": ticket.ticket_id,
            "created_at": at,
            "updated_at": at,
            "reason": None,
            "reason_id": None,
            "reason_code": None,
        }
