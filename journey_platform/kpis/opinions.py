"""KPIs of opinions in numbers: how content people say they are, how easy they found it, and their stars.

Satisfaction stands on the day of the answer, and beside it on the day on which the ticket that it is about
was solved. Ratings of tickets and recommendation are in `late`, the mood of texts is in `early`.
"""

from journey_platform.kpis.definition import EVERYTHING, Kpi, that
from journey_platform.kpis.grains.support import ANSWER_DAYS
from journey_platform.kpis.late import HANDLED

_SURVEY = ("qualtrics/responses",)
_SOCIAL = ("mastodon/tag_timelines",)
_BY_PLATFORM = (EVERYTHING, "platform")
_BY_SCALE = ("survey", "scale")
_CONTENT = "answers on satisfaction of the day; skipped ones, previews, tests and unfinished excluded"
_CLOSED = (
    f"latest answers within {ANSWER_DAYS} days of the last solution, on tickets solved in the period, "
    f"{ANSWER_DAYS} days ago or more"
)
_COHORT = "by the cohort of tickets closed; scales are never mixed"
_EFFORT = "answers on effort of the day; skipped ones, previews, tests and unfinished excluded"
_OCCASION = "on the date recorded; each answer is about an occasion of its own"
_REVIEWS = "reviews of the period with stars; robots excluded"
_SITES = "no standard; a review stands on the day it was written, and is read as its source tells it last"

OPINIONS = (
    Kpi(
        name="csat_top2",
        stage="late",
        grain="satisfaction",
        question="How many respondents are content?",
        unit="ratio",
        numerator="those of the two best choices: 4 and 5 of 5, 6 and 7 of 7",
        denominator=_CONTENT,
        above=that("is_good"),
        dimensions=_BY_SCALE,
        better="up",
        sources=_SURVEY,
        maturity_days=7,
        reference=f"top-2-box, one of several usages; scales are never mixed; {_OCCASION}",
    ),
    Kpi(
        name="csat_mean",
        stage="late",
        grain="satisfaction",
        question="How content are respondents on average?",
        unit="points",
        numerator="points, 1 to 5 or 1 to 7, high for content",
        denominator=_CONTENT,
        above=that("value"),
        dimensions=_BY_SCALE[1:],
        better="up",
        sources=_SURVEY,
        maturity_days=7,
        reference=f"the mean beside the top-2-box; a mean of each scale; {_OCCASION}",
        interval="mean",
    ),
    Kpi(
        name="csat_top2_when_solved",
        stage="late",
        grain="solved_score",
        question="How many whose ticket we solve are content?",
        unit="ratio",
        numerator="those of the two best choices: 4 and 5 of 5, 6 and 7 of 7",
        denominator=_CLOSED,
        above=that("is_good"),
        dimensions=_BY_SCALE,
        better="up",
        sources=(*_SURVEY, *HANDLED),
        maturity_days=ANSWER_DAYS + 2,
        reference=f"csat_top2 {_COHORT}",
        window_days=ANSWER_DAYS,
        is_cohort=True,
    ),
    Kpi(
        name="csat_mean_when_solved",
        stage="late",
        grain="solved_score",
        question="How content are those whose ticket we solve on average?",
        unit="points",
        numerator="points, 1 to 5 or 1 to 7, high for content",
        denominator=_CLOSED,
        above=that("value"),
        dimensions=_BY_SCALE[1:],
        better="up",
        sources=(*_SURVEY, *HANDLED),
        maturity_days=ANSWER_DAYS + 2,
        reference=f"csat_mean {_COHORT}",
        interval="mean",
        window_days=ANSWER_DAYS,
        is_cohort=True,
    ),
    Kpi(
        name="ces_easy",
        stage="late",
        grain="effort",
        question="How many respondents found it easy?",
        unit="ratio",
        numerator="those of 5 to 7 of 7, high for easy",
        denominator=_EFFORT,
        above=that("is_good"),
        dimensions=(EVERYTHING, "survey"),
        better="up",
        sources=_SURVEY,
        maturity_days=7,
        reference=f"customer effort score as a share of 5 to 7 of 7; {_OCCASION}",
    ),
    Kpi(
        name="ces",
        stage="late",
        grain="effort",
        question="How easy do respondents find it on average?",
        unit="points",
        numerator="points, 1 to 7, high for easy",
        denominator=_EFFORT,
        above=that("value"),
        dimensions=(EVERYTHING, "survey"),
        better="up",
        sources=_SURVEY,
        maturity_days=7,
        reference=f"customer effort score as a mean of 1 to 7; {_OCCASION}",
        interval="mean",
    ),
    Kpi(
        name="review_rating",
        stage="late",
        grain="review",
        question="How many stars do reviews give?",
        unit="stars",
        numerator="stars, 1 to 5",
        denominator=_REVIEWS,
        above=that("value"),
        dimensions=_BY_PLATFORM,
        better="up",
        sources=_SOCIAL,
        maturity_days=7,
        reference=f"{_SITES}; the plain mean",
        periods=("week", "month"),
        interval="mean",
    ),
    Kpi(
        name="review_rating_shrunk",
        stage="late",
        grain="review",
        question="How many stars do reviews give, if few of them say little?",
        unit="stars",
        numerator="stars, 1 to 5",
        denominator=_REVIEWS,
        above=that("value"),
        dimensions=_BY_PLATFORM,
        better="up",
        sources=_SOCIAL,
        maturity_days=7,
        reference=f"{_SITES}; (5 x 3 + stars) / (5 + reviews), the mean under a Dirichlet posterior: Kun, "
        "Bayesian Ranking for Rated Items (2017); the prior is one review of each star",
        periods=("week", "month"),
        interval="posterior",
        prior=(1.0, 2.0, 3.0, 4.0, 5.0),
    ),
    Kpi(
        name="review_one_star",
        stage="late",
        grain="review",
        question="How many reviews give one star?",
        unit="ratio",
        numerator="reviews of one star",
        denominator=_REVIEWS,
        above=that("is_worst"),
        dimensions=_BY_PLATFORM,
        better="down",
        sources=_SOCIAL,
        maturity_days=7,
        reference=_SITES,
        periods=("week", "month"),
    ),
)
