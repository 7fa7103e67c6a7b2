"""What each KPI is: the question, the parts, the sources, the definition's version.

How the parts are counted is in the stage's module, under the same name.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Stage = Literal["early", "middle", "late"]
Period = Literal["day", "week", "month"]
STAGES: tuple[Stage, ...] = get_args(Stage)

EVERYTHING = "all"
"""The dimension that does not divide, and its only value."""

_WEB = ("matomo/visits",)
_EMAIL = ("mailchimp/reports", "mailchimp/email_activity")
_SOCIAL = ("mastodon/tag_timelines", "mastodon/search")
_FIRST = date(2026, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Kpi:
    """One definition.

    `numerator` and `denominator` say what is counted; a count has no denominator. `dimensions` are
    those it is shown by. `better` is the direction to wish for. `sources` are the streams (vendor/stream)
    whose arrival a value needs. `maturity_days` after the end of the period a value no longer changes by
    itself; a cohort's units are followed through those days, so their arrival is needed too. `interval`:
    "wilson" for a share of units, "mean" for a mean over units. The value is `scale` times the ratio.
    An additive KPI's parts may be summed over days; the others count distinct people and are recomputed. The
    denominator of a share is the total of its period.
    """

    name: str
    stage: Stage
    question: str
    unit: Literal["ratio", "count", "score", "pages"]
    numerator: str
    denominator: str | None
    dimensions: tuple[str, ...]
    better: Literal["up", "down"] | None
    sources: tuple[str, ...]
    maturity_days: int
    reference: str
    period: Period = "day"
    interval: Literal["wilson", "mean"] | None = "wilson"
    scale: float = 1.0
    is_additive: bool = True
    is_cohort: bool = False
    is_share: bool = False
    version: int = 1
    effective: date = _FIRST


_BY_CHANNEL = (EVERYTHING, "traffic_channel")
_BY_CAMPAIGN = (EVERYTHING, "campaign")
_SESSIONS = "sessions that start on the day, robots excluded"
_DELIVERED = "recipients of the day's mailings less hard and soft bounces"
_OPENS = "practice of e-mail services; a prefetched open tells nothing of the person, hence two bounds"
_WAA = "Web Analytics Association, Web Analytics Definitions (2008)"

_DECLARED = (
    Kpi(
        name="traffic_source",
        stage="early",
        question="Which channels bring visits?",
        unit="ratio",
        numerator="sessions of the channel of their first action",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better=None,
        sources=_WEB,
        maturity_days=2,
        reference="channel rules after Google Analytics 4's default channel group; scope: the session",
        is_share=True,
    ),
    Kpi(
        name="open_rate_lower",
        stage="early",
        question="How many recipients surely opened a mailing?",
        unit="ratio",
        numerator="recipients with an open that no machine made, per mailing",
        denominator=_DELIVERED,
        dimensions=_BY_CAMPAIGN,
        better="up",
        sources=_EMAIL,
        maturity_days=7,
        reference=_OPENS,
        is_cohort=True,
    ),
    Kpi(
        name="open_rate_upper",
        stage="early",
        question="How many recipients may have opened a mailing?",
        unit="ratio",
        numerator="recipients with any open, per mailing",
        denominator=_DELIVERED,
        dimensions=_BY_CAMPAIGN,
        better="up",
        sources=_EMAIL,
        maturity_days=7,
        reference=_OPENS,
        is_cohort=True,
    ),
    Kpi(
        name="click_through_rate",
        stage="early",
        question="How many recipients followed a mailing's link?",
        unit="ratio",
        numerator="recipients with a click that no machine made, per mailing",
        denominator=_DELIVERED,
        dimensions=_BY_CAMPAIGN,
        better="up",
        sources=_EMAIL,
        maturity_days=7,
        reference=f"{_WAA}: click-throughs per times viewed, here unique and per delivered",
        is_cohort=True,
    ),
    Kpi(
        name="social_mentions",
        stage="early",
        question="How often do people speak of the brand?",
        unit="count",
        numerator="distinct posts (platform, id) of the day; the brand's own, reposts and robots excluded",
        denominator=None,
        dimensions=(EVERYTHING,),
        better="up",
        sources=_SOCIAL,
        maturity_days=2,
        reference="no standard; distinct posts that match the brand's query",
        interval=None,
    ),
    Kpi(
        name="visits",
        stage="middle",
        question="How many visits does the site get?",
        unit="count",
        numerator=_SESSIONS,
        denominator=None,
        dimensions=_BY_CHANNEL,
        better="up",
        sources=_WEB,
        maturity_days=2,
        reference=f"{_WAA}: visit; Google Analytics 4: 30 minutes, not split at midnight",
        interval=None,
    ),
    Kpi(
        name="bounce_single_page",
        stage="middle",
        question="How many visits see one page only?",
        unit="ratio",
        numerator="sessions with exactly one page view",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better="down",
        sources=_WEB,
        maturity_days=2,
        reference=f"{_WAA}: single page view visits per visits",
    ),
    Kpi(
        name="bounce_ga4",
        stage="middle",
        question="How many visits do not engage, as Google Analytics 4 counts it?",
        unit="ratio",
        numerator="sessions of at most 10 s, without an order, with fewer than two page views",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better="down",
        sources=_WEB,
        maturity_days=2,
        reference="Google Analytics 4: 1 - engaged sessions per sessions; the key event is the order",
    ),
    Kpi(
        name="bounce_snowplow",
        stage="middle",
        question="How many visits do not engage, as Snowplow counts it?",
        unit="ratio",
        numerator="sessions with fewer than two page views, fewer than two 10 s heartbeats and no order",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better="down",
        sources=_WEB,
        maturity_days=2,
        reference="Snowplow web model: 1 - engaged sessions per sessions",
    ),
    Kpi(
        name="pages_per_session",
        stage="middle",
        question="How many pages does a visit see?",
        unit="pages",
        numerator="page views of the sessions",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better="up",
        sources=_WEB,
        maturity_days=2,
        reference=f"{_WAA}: page views per visit",
        interval="mean",
    ),
    Kpi(
        name="conversion_rate",
        stage="middle",
        question="How many visits end in an order?",
        unit="ratio",
        numerator="sessions with at least one order",
        denominator=_SESSIONS,
        dimensions=_BY_CHANNEL,
        better="up",
        sources=_WEB,
        maturity_days=2,
        reference=f"{_WAA}: conversions per visits, within the visit",
    ),
    Kpi(
        name="support_rate",
        stage="late",
        question="How many active customers need support?",
        unit="ratio",
        numerator="known profiles with a ticket created in the week",
        denominator="known profiles that did something in the week; robots and machines excluded",
        dimensions=(EVERYTHING,),
        better="down",
        sources=(
            *_WEB,
            "mailchimp/email_activity",
            "zendesk/tickets",
            "qualtrics/responses",
            "mastodon/tag_timelines",
        ),
        maturity_days=7,
        reference="no standard; distinct customers with a ticket per distinct active customers",
        period="week",
        is_additive=False,
    ),
    Kpi(
        name="nps",
        stage="late",
        question="How many more would recommend us than not?",
        unit="score",
        numerator="promoters (9-10) less detractors (0-6), of a person's latest response per week and survey",
        denominator="those responses; anonymous ones count each; previews, tests and unfinished excluded",
        dimensions=("survey",),
        better="up",
        sources=("qualtrics/responses",),
        maturity_days=7,
        reference="Reichheld, Harvard Business Review 12/2003; on the date recorded; surveys are never mixed",
        period="week",
        interval="mean",
        scale=100.0,
        is_additive=False,
    ),
)

KPIS: dict[str, Kpi] = {kpi.name: kpi for kpi in _DECLARED}


def of_stage(stage: Stage) -> tuple[Kpi, ...]:
    """The stage's KPIs, in the order of the catalogue."""
    return tuple(kpi for kpi in _DECLARED if kpi.stage == stage)


def definitions(stage: Stage) -> str:
    """The stage's KPIs with the versions of their definitions, as text: another text, other numbers."""
    return ",".join(sorted(f"{kpi.name}={kpi.version}" for kpi in of_stage(stage)))
