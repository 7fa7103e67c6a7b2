"""What each kind of identifier and each kind of evidence is trusted with, declared once.

How values are cleaned is in `normalise`; how the policies are applied, in `resolve`, `cut` and `assign`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class KindPolicy:
    """`priority`: a touchpoint with several identifiers goes to the profile of the one with the lowest.

    `trust`: from 0 to 1, how well it tells one person from all others; a link is as strong as the product of
    its two ends. `max_user_ids`: seen in records with more distinct user ids than this, it is shared and
    stops linking. `max_beside`: the same for any one other kind that people give. `max_per_profile`: a
    profile holds at most so many; 1 makes the kind exclusive. None: no limit. `is_anonymous`: a device's,
    given by nobody.
    """

    kind: str
    priority: int
    trust: float
    max_user_ids: int | None
    max_beside: int | None
    max_per_profile: int | None
    is_anonymous: bool = False

    @property
    def is_exclusive(self) -> bool:
        return self.max_per_profile == 1


Policies = Mapping[str, KindPolicy]

POLICIES: dict[str, KindPolicy] = {
    policy.kind: policy
    for policy in (
        KindPolicy("user_id", 0, 1.0, max_user_ids=None, max_beside=50, max_per_profile=1),
        KindPolicy("zendesk_user_id", 1, 1.0, max_user_ids=1, max_beside=20, max_per_profile=20),
        KindPolicy("shopify_customer_id", 1, 1.0, max_user_ids=1, max_beside=20, max_per_profile=20),
        KindPolicy("email", 2, 0.95, max_user_ids=1, max_beside=20, max_per_profile=20),
        KindPolicy("mailchimp_email_id", 3, 0.95, max_user_ids=1, max_beside=20, max_per_profile=20),
        KindPolicy("loyalty_id", 3, 0.95, max_user_ids=1, max_beside=20, max_per_profile=20),
        KindPolicy("phone", 4, 0.8, max_user_ids=1, max_beside=10, max_per_profile=10),
        KindPolicy("social_handle", 5, 0.8, max_user_ids=1, max_beside=10, max_per_profile=10),
        KindPolicy(
            "cookie_id", 6, 0.6, max_user_ids=1, max_beside=10, max_per_profile=None, is_anonymous=True
        ),
    )
}
USER_ID = "user_id"
_LIMITS = ("max_user_ids", "max_beside", "max_per_profile")


def with_limit(policies: Policies, kind: str, limit: str, most: int | None) -> Policies:
    """The policies with one limit changed. Raises `ValueError` where there is no such kind or limit."""
    if kind not in policies or limit not in _LIMITS or (most is not None and most < 1):
        raise ValueError(
            f"a limit is KIND.LIMIT=NUMBER or none, with a kind of {', '.join(policies)} and a limit of "
            f"{', '.join(_LIMITS)}"
        )
    changed: dict[str, Any] = {limit: most}
    return {**policies, kind: replace(policies[kind], **changed)}


@dataclass(frozen=True)
class DeclaredRule:
    """Whoever's record names a thing is whom the thing belongs to.

    `reference`: the kind of pair, among a record's identifiers, that names the thing; it is no identifier.
    `owner`: the kind of identifier of whom it belongs to. `told_by`: the type of touchpoint that tells so,
    whose `subject_id` is the thing; empty: any record that carries the reference beside the owner.
    `max_beside`: a thing of two owners, or named by records with more identifiers than this of any one kind
    that people give, is shared and links nobody, as a code that was passed on; None: no limit.
    """

    rule: str
    reference: str
    owner: str
    told_by: str = ""
    max_beside: int | None = None


DECLARED_RULES: tuple[DeclaredRule, ...] = (
    DeclaredRule("ticket_requester", "ticket_id", owner="zendesk_user_id", told_by="ticket_created"),
    DeclaredRule("mailing_click", "click_id", owner="mailchimp_email_id"),
    DeclaredRule("personal_code", "promo_code", owner="mailchimp_email_id", max_beside=1),
)
"""Rules across sources, the strongest first. A further one is a line here, and the pair in what the source's
mapping gives. A loyalty card needs none: its number is an identifier, and the order at a till that names it
belongs to whoever any record ties to the card."""

PASSED_ON = tuple(rule.reference for rule in DECLARED_RULES if rule.max_beside is not None)
"""References that others may use: one tells whose a record is only where the record names nobody."""

DECISION, CO_OBSERVED, PROBABILISTIC = "decision", "co_observed", "probabilistic"

RULES: tuple[str, ...] = (DECISION, CO_OBSERVED, *(of.rule for of in DECLARED_RULES), PROBABILISTIC)
"""Where links come from, the strongest first: between two of different rules, weights do not count."""
