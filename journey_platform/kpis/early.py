"""Early-stage KPIs: how people hear of the brand. Channels, mailings, mentions.

The rates of a mailing stand on the local day it was sent, and count what its recipients did on any day
since. So a day of opens changes values of earlier days: `days_touched` says which. What was sent, and to how
many, is read in `touchpoints.mailings`.
"""

from typing import TYPE_CHECKING

from journey_platform.kpis.catalogue import KPIS
from journey_platform.kpis.parts import counted

if TYPE_CHECKING:
    import ibis.expr.types as ir

_OPEN, _CLICK = "email_open", "email_click"
_POST = "social_post"


def parts(sessions: "ir.Table", touchpoints: "ir.Table", mailings: "ir.Table") -> "ir.Table":
    """`parts.PARTS` of the early-stage KPIs.

    `sessions` (`tables.SESSIONS`) and `mailings` (`tables.MAILINGS`) hold the days to value; `touchpoints`
    (`tables.JOURNEY_TOUCHPOINTS`) the days from the first of them to the last there is. Mentions on days not
    to be valued give parts that `values.values` leaves out.
    """
    import ibis

    visits = sessions.filter(~sessions.is_bot)
    posts = _mentions(touchpoints)
    recipients = _recipients(touchpoints, mailings)
    one = ibis.literal(1)
    return ibis.union(
        counted(KPIS["traffic_source"], visits, one, one),
        counted(KPIS["open_rate_lower"], recipients, recipients.opened_surely, recipients.delivered),
        counted(KPIS["open_rate_upper"], recipients, recipients.opened, recipients.delivered),
        counted(KPIS["click_through_rate"], recipients, recipients.clicked, recipients.delivered),
        counted(KPIS["social_mentions"], posts, one),
    )


def days_touched(touchpoints: "ir.Table", mailings: "ir.Table") -> "ir.Table":
    """The send days (column `day`) of the mailings that somebody opened or clicked in `touchpoints`."""
    acted = touchpoints.filter(touchpoints.type.isin([_OPEN, _CLICK]))
    return mailings.semi_join(acted, mailings.campaign_id == acted.subject_id).select("day").distinct()


def _recipients(touchpoints: "ir.Table", mailings: "ir.Table") -> "ir.Table":
    """One row per mailing: how many it was delivered to, and how many of them opened and clicked.

    A recipient is an address on the list, not a person: merging two profiles changes no rate of a mailing.
    """
    acts = touchpoints.filter(touchpoints.type.isin([_OPEN, _CLICK]) & ~touchpoints.is_bot)
    is_open, is_human = acts.type == _OPEN, ~acts.is_machine
    acted = acts.group_by("subject_id").aggregate(
        opened=acts.recipient_key.nunique(where=is_open),
        opened_surely=acts.recipient_key.nunique(where=is_open & is_human),
        clicked=acts.recipient_key.nunique(where=~is_open & is_human),
    )
    joined = mailings.left_join(acted, mailings.campaign_id == acted.subject_id)
    counts = {name: joined[name].fill_null(0) for name in ("opened", "opened_surely", "clicked")}
    return joined.select("day", "delivered", campaign=joined.campaign_id, **counts)


def _mentions(touchpoints: "ir.Table") -> "ir.Table":
    """One row per post, on its day. The vendor is the platform."""
    posts = touchpoints.filter((touchpoints.type == _POST) & ~touchpoints.is_bot)
    return posts.select("day", "vendor", "subject_id").distinct()
