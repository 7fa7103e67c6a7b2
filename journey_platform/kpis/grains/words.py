"""Units of what is sent, said and answered: mailings, posts, texts, survey answers, reviews."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import JOURNEY_TOUCHPOINTS, MAILINGS, PROFILES_TABLE, SENTIMENT
from journey_platform.touchpoints.mastodon import PER_FOLLOWER

if TYPE_CHECKING:
    import ibis.expr.types as ir

_OPEN, _CLICK = "email_open", "email_click"
_PROMOTER, _DETRACTOR = 9, 6
STARS = "stars"
OWN_BRAND = "own brand"
SATISFIED = {"csat_5": 4, "csat_7": 6}
EASY = {"ces_7": 5}
"""By scale: the least score that is a good one."""


def mailing(scope: Scope) -> "ir.Table":
    """One row per mailing, on the day it was sent: recipients `sent`, `delivered`, and who of them did what.

    A recipient is an address on the list, not a person: merging two profiles changes no rate of a mailing.
    """
    sent, acts = scope.of_days(scope.whole(MAILINGS)), scope.since(JOURNEY_TOUCHPOINTS)
    acts = acts.filter(acts.type.isin([_OPEN, _CLICK]) & ~acts.is_bot & acts.recipient_key.notnull())
    is_open, is_human = acts.type == _OPEN, ~acts.is_machine
    recipients = acts.group_by(["subject_id", "recipient_key"]).aggregate(
        has_opened=is_open.any(),
        has_opened_surely=(is_open & is_human).any(),
        has_clicked=(~is_open & is_human).any(),
    )
    did = recipients.group_by("subject_id").aggregate(
        opened=recipients.has_opened.sum(),
        opened_surely=recipients.has_opened_surely.sum(),
        clicked=recipients.has_clicked.sum(),
        opened_and_clicked=(recipients.has_opened & recipients.has_clicked).sum(),
    )
    joined = sent.left_join(did, sent.campaign_id == did.subject_id)
    names = ("opened", "opened_surely", "clicked", "opened_and_clicked")
    counts = {name: joined[name].fill_null(0) for name in names}
    return joined.select("day", "delivered", sent=joined.emails_sent, campaign=joined.campaign_id, **counts)


def sent_days(touchpoints: "ir.Table", mailings: "ir.Table") -> "ir.Table":
    """The send days (column `day`) of the mailings that somebody opened or clicked in `touchpoints`."""
    acted = touchpoints.filter(touchpoints.type.isin([_OPEN, _CLICK]))
    return mailings.semi_join(acted, mailings.campaign_id == acted.subject_id).select("day").distinct()


def post(scope: Scope) -> "ir.Table":
    """One row per post of others, on its day. The vendor is the platform."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    posts = acts.filter((acts.type == "social_post") & ~acts.is_bot)
    return scope.of_days(posts.select("day", "subject_id", platform=posts.vendor).distinct())


def mention(scope: Scope) -> "ir.Table":
    """One row per post of others and `brand` that it names: `OWN_BRAND`, or a competitor by its tag."""
    import ibis

    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    posts = acts.filter(acts.type.isin(["social_post", "competitor_post"]) & ~acts.is_bot)
    posts = posts.mutate(brand=ibis.ifelse(posts.type == "social_post", OWN_BRAND, posts.source))
    each = posts.group_by(["day", "vendor", "subject_id", "brand"])
    return scope.of_days(each.aggregate(touchpoint_id=posts.touchpoint_id.min()))


def own_post(scope: Scope) -> "ir.Table":
    """One row per post of the brand's own whose interactions per follower are told, as `value`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    posts = acts.filter((acts.type == "brand_post") & (acts.unit == PER_FOLLOWER))
    return scope.of_days(posts.mutate(platform=posts.vendor))


def text(scope: Scope) -> "ir.Table":
    """One row per ticket, comment or post with words in it: what mood they are in, as 0 or 1."""
    rows = scope.rows(SENTIMENT)
    is_positive, is_negative = rows.sentiment == "positive", rows.sentiment == "negative"
    return scope.of_days(
        rows.mutate(
            is_positive=is_positive,
            is_negative=is_negative,
            is_opinion=is_positive | is_negative,
            is_unknown=rows.sentiment == "unknown",
            is_known=rows.sentiment != "unknown",
            polarity=is_positive.cast("int64") - is_negative.cast("int64"),
        )
    )


def asked(scope: Scope) -> "ir.Table":
    """One row per finished response to a survey that asks how people heard of us: `answer`, `has_answer`."""
    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    heard = acts.filter((acts.type == "survey_heard") & ~acts.is_bot)
    return scope.of_days(
        heard.mutate(answer=heard.reason, has_answer=heard.reason.notnull(), survey=heard.subject_id)
    )


def heard(scope: Scope) -> "ir.Table":
    """The rows of `asked` that answer."""
    return asked(scope).filter(lambda t: t.has_answer)


def answer(scope: Scope) -> "ir.Table":
    """One row per period, survey and respondent: whether the latest score `recommends` (1, 0 or -1).

    An anonymous response is a respondent.
    """
    import ibis

    acts, profiles = scope.rows(JOURNEY_TOUCHPOINTS), scope.whole(PROFILES_TABLE)
    scored = scope.of_days(
        acts.filter((acts.type == "survey_response") & (acts.unit == "nps") & ~acts.is_bot)
    )
    known = profiles.filter(profiles.is_known).select("person_key", "profile_id")
    named = scored.left_join(known, "person_key")
    named = named.select(
        "day",
        "occurred_at",
        "touchpoint_id",
        "value",
        "person_key",
        survey=named.subject_id,
        respondent=ibis.coalesce(named.profile_id, named.touchpoint_id),
    )
    latest_first = ibis.window(
        group_by=["day", "survey", "respondent"],
        order_by=[named.occurred_at.desc(), named.touchpoint_id.desc()],
    )
    latest = named.mutate(place=ibis.row_number().over(latest_first)).filter(lambda t: t.place == 0)
    is_for, is_against = latest.value >= _PROMOTER, latest.value <= _DETRACTOR
    return latest.mutate(recommends=is_for.cast("int64") - is_against.cast("int64"))


def scored(good: Mapping[str, int]) -> "Callable[[Scope], ir.Table]":
    """Builds one row per answer on one of the scales: its `value` and `scale`, and whether it `is_good`."""

    return lambda scope: scope.of_days(scores(scope.rows(JOURNEY_TOUCHPOINTS), good))


def scores(acts: "ir.Table", good: Mapping[str, int]) -> "ir.Table":
    """The touchpoints that are answers on one of the scales, with `scale`, `survey` and `is_good`."""
    import ibis

    given = acts.filter((acts.type == "survey_score") & acts.unit.isin(list(good)) & ~acts.is_bot)
    is_good = ibis.or_(*((given.unit == scale) & (given.value >= least) for scale, least in good.items()))
    return given.mutate(is_good=is_good, scale=given.unit, survey=given.subject_id)


def review(scope: Scope) -> "ir.Table":
    """One row per review with stars: how many as `value`, whether it `is_worst`, its site as `platform`."""
    import ibis

    acts = scope.rows(JOURNEY_TOUCHPOINTS)
    given = acts.filter((acts.type == "review") & (acts.unit == STARS) & ~acts.is_bot)
    platform = ibis.coalesce(given.source, given.vendor)
    return scope.of_days(given.mutate(is_worst=given.value == 1, platform=platform))
