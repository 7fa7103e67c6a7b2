"""What each kind of identifier is trusted with, declared once.

How values are cleaned is in `normalise`; how the policies are applied, in `resolve` and `assign`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class KindPolicy:
    """`priority`: a touchpoint with several identifiers goes to the profile of the one with the lowest.

    `is_exclusive`: a person has one; a record with two tells of two people, so they never link directly.
    `max_user_ids`: observed together with more distinct user ids than this, the identifier is shared and
    stops linking; None: never. `is_anonymous`: a device's, given by nobody.
    """

    kind: str
    priority: int
    max_user_ids: int | None
    is_exclusive: bool = False
    is_anonymous: bool = False


POLICIES: dict[str, KindPolicy] = {
    policy.kind: policy
    for policy in (
        KindPolicy("user_id", priority=0, max_user_ids=None, is_exclusive=True),
        KindPolicy("zendesk_user_id", priority=1, max_user_ids=1),
        KindPolicy("email", priority=2, max_user_ids=1),
        KindPolicy("mailchimp_email_id", priority=3, max_user_ids=1),
        KindPolicy("phone", priority=4, max_user_ids=1),
        KindPolicy("social_handle", priority=5, max_user_ids=1),
        KindPolicy("cookie_id", priority=6, max_user_ids=1, is_anonymous=True),
    )
}
