"""KPIs of the way to an order: step by step, how long it takes, which channels earn it, what stands in it."""

from journey_platform.journeys.friction import THRESHOLD, WEIGHTS
from journey_platform.kpis.definition import EVERYTHING, Kpi, Statistic, each, that
from journey_platform.kpis.early import WEB
from journey_platform.kpis.grains.conversions import CONVERT_DAYS, HALF_LIFE_DAYS
from journey_platform.kpis.grains.origins import LOOK_BACK_DAYS
from journey_platform.kpis.late import EVERYWHERE

_BY_VISIT = (EVERYTHING, "traffic_channel", "device")
_VISITS = "visits that start on the day, robots excluded"
_BOUGHT_BY = (*WEB, "shopify/orders")
_BOUGHT_OR_ACTED = tuple(dict.fromkeys((*_BOUGHT_BY, *EVERYWHERE)))
_NEWCOMERS = (
    f"known profiles that do something after {LOOK_BACK_DAYS} days without, {CONVERT_DAYS} days ago or more"
)

_STEPS = (
    ("visit_to_cart", "visits", "put something into a cart", _VISITS, None, "has_cart"),
    (
        "cart_to_checkout",
        "visits with a cart",
        "come to the checkout after it",
        f"{_VISITS}, with something put into a cart",
        "has_cart",
        "has_checkout",
    ),
    (
        "checkout_to_order",
        "visits at the checkout",
        "order there",
        f"{_VISITS}, that come to the checkout after something was put into a cart",
        "has_checkout",
        "has_order",
    ),
)
_MODELS = (
    ("first", "the first visit earns all"),
    ("last", "the last visit earns all"),
    ("last_non_direct", "the last visit earns all that was not direct, if there is one"),
    ("linear", "all visits earn the same"),
    ("position", "first and last earn 40 % each, those between share 20 %; of two each earns half"),
    ("time_decay", f"a visit earns 2^(-age / {HALF_LIFE_DAYS} days) of the sum of all"),
)
_TIMES: tuple[tuple[str, Statistic, str], ...] = (
    ("p25", "km_p25", "until a quarter of the newcomers have bought"),
    ("median", "km_median", "until half of the newcomers have bought"),
    ("p75", "km_p75", "until three quarters of the newcomers have bought"),
    ("of_buyers", "median", "from the first touch to the first purchase, of those who buy"),
)
_POINTS = ", ".join(f"{name} {points:g}" for name, points in WEIGHTS.items())
_FRICTION = f"no standard; points after published scores: {_POINTS}; the signals are in journeys/friction"

CONVERSIONS = (
    *(
        Kpi(
            name=f"step_{name}",
            stage="middle",
            grain="step_visit",
            question=f"How many {of} {reach}?",
            unit="ratio",
            numerator=f"those that {reach}",
            denominator=denominator,
            above=that(above),
            below=each if below is None else that(below),
            dimensions=_BY_VISIT,
            better="up",
            sources=WEB,
            maturity_days=2,
            reference="step conversion of an ordered funnel within the visit; 1 - it is the drop-off",
        )
        for name, of, reach, denominator, below, above in _STEPS
    ),
    *(
        Kpi(
            name=f"attributed_{model}",
            stage="middle",
            grain="touch",
            question=f"How many orders does a channel earn, if {rule.partition(';')[0]}?",
            unit="conversions",
            numerator="credits of the visits before the orders that the site takes in the period",
            denominator=None,
            above=that(model),
            dimensions=(EVERYTHING, "traffic_channel", "campaign"),
            better="up",
            sources=WEB,
            maturity_days=2,
            reference=f"{rule}; visits of the visitor in the {LOOK_BACK_DAYS} days before the order and its "
            "own; on the day of the order; credits add up to the orders",
            periods=("week", "month"),
            interval=None,
            is_additive=False,
        )
        for model, rule in _MODELS
    ),
    Kpi(
        name="newcomers_converting_28d",
        stage="middle",
        grain="newcomer",
        question="How many newcomers buy?",
        unit="ratio",
        numerator=f"those with an order on the site, or a purchase anywhere, within {CONVERT_DAYS} days",
        denominator=_NEWCOMERS,
        above=that("buys"),
        dimensions=(EVERYTHING, "account", "segment"),
        better="up",
        sources=_BOUGHT_OR_ACTED,
        maturity_days=CONVERT_DAYS + 2,
        reference="conversion by people, whatever the channel of the first touch and of the purchase; stands "
        "on the day of the first touch",
        periods=("week", "month"),
        window_days=CONVERT_DAYS,
        is_additive=False,
        is_cohort=True,
    ),
    *(
        Kpi(
            name=f"time_to_convert_{name}",
            stage="middle",
            grain="newcomer",
            question=f"How long is it {meaning}?",
            unit="h",
            numerator=f"hours from the first touch to the first purchase, of {_NEWCOMERS}",
            denominator=None,
            above=that("hours"),
            dimensions=(EVERYTHING,),
            better="down",
            sources=_BOUGHT_OR_ACTED,
            maturity_days=CONVERT_DAYS + 2,
            reference="plain median of those who buy in time, whose share stands beside it"
            if statistic == "median"
            else "Kaplan and Meier (1958): who has not bought counts as longer; null where too few buy",
            statistic=statistic,
            periods=("week", "month"),
            interval=None,
            window_days=CONVERT_DAYS,
            is_additive=False,
            is_cohort=True,
        )
        for name, statistic, meaning in _TIMES
    ),
    Kpi(
        name="friction_score",
        stage="middle",
        grain="struggle_visit",
        question="How much do visits struggle?",
        unit="points",
        numerator="points of the visits' errors, retries, rage, dead and error clicks, and quick backs",
        denominator=_VISITS,
        above=that("points"),
        dimensions=_BY_VISIT,
        better="down",
        sources=WEB,
        maturity_days=2,
        reference=_FRICTION,
        interval="mean",
    ),
    Kpi(
        name="friction_rate",
        stage="middle",
        grain="struggle_visit",
        question="How many visits struggle?",
        unit="ratio",
        numerator=f"visits with {THRESHOLD:g} points or more",
        denominator=_VISITS,
        above=that("has_friction"),
        dimensions=_BY_VISIT,
        better="down",
        sources=WEB,
        maturity_days=2,
        reference=_FRICTION,
    ),
)
