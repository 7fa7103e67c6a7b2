"""The grains by name. To add one, write what builds it and name it here with what it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from journey_platform.kpis.grains import (
    business,
    commerce,
    conversions,
    currency,
    friction,
    origins,
    people,
    support,
    visits,
    words,
)
from journey_platform.kpis.grains.scope import Scope
from journey_platform.tables import (
    ACCOUNT_JOURNEYS,
    ACCOUNT_USERS,
    CONTRACTS,
    JOURNEY_TOUCHPOINTS,
    MAILINGS,
    PROFILES_TABLE,
    SENTIMENT,
    SESSIONS,
    TICKETS,
    Table,
)

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Grain:
    """One kind of unit. `build` gives a row per unit with `day`, the first day of the period it counts in.

    `reads` are the tables it is made of. A change of one of their days concerns the units of so many days
    before it (`after`) and after it (`before`): how far a unit looks to either side.
    """

    one_per: str
    build: Callable[[Scope], "ir.Table"]
    reads: tuple[Table, ...]
    before: int = 0
    after: int = 0


_ACTS = (JOURNEY_TOUCHPOINTS, PROFILES_TABLE)
_CART = visits.CART_WINDOW_DAYS
_BACK = origins.LOOK_BACK_DAYS + 1

GRAINS: Mapping[str, Grain] = {
    "session": Grain("visit", visits.session, (SESSIONS,)),
    "session_first_user": Grain("visit", origins.first_user, (SESSIONS,), before=origins.EVER_DAYS),
    "session_last_non_direct": Grain(
        "visit", origins.last_non_direct, (SESSIONS,), before=origins.LOOK_BACK_DAYS + 1
    ),
    "session_fixed_day": Grain("visit", origins.fixed_day, (SESSIONS,), before=1, after=1),
    "visitor": Grain("device of the period", visits.visitor, (SESSIONS,)),
    "visiting_person": Grain("visiting profile of the period", visits.visiting_person, (SESSIONS,)),
    "page_visit": Grain("page of a visit", visits.page_visit, (JOURNEY_TOUCHPOINTS,)),
    "attempt_first": Grain("person's first attempt", visits.attempts("first"), _ACTS[:1], after=_CART),
    "attempt_deepest": Grain("person's best attempt", visits.attempts("deepest"), _ACTS[:1], after=_CART),
    "attempt_every": Grain("attempt", visits.attempts("every"), _ACTS[:1], after=_CART),
    "cart_visit": Grain("visit with a cart", commerce.cart_visit, _ACTS[:1], before=1, after=1),
    "checkout_visit": Grain("visit to the checkout", commerce.checkout_visit, _ACTS[:1], before=1, after=1),
    "cart": Grain("visit with a cart", commerce.cart, _ACTS[:1], before=1, after=commerce.LEFT_DAYS),
    "checkout": Grain(
        "visit to the checkout", commerce.checkout, _ACTS[:1], before=1, after=commerce.LEFT_DAYS
    ),
    "left_cart": Grain(
        "visit whose cart was left",
        commerce.left_cart,
        _ACTS[:1],
        before=1,
        after=commerce.RECOVERY_DAYS,
    ),
    "step_visit": Grain("visit", conversions.step_visit, _ACTS[:1], before=1, after=1),
    "touch": Grain(
        "visit in the 30 days before an order of the period",
        conversions.touch,
        (*_ACTS[:1], SESSIONS),
        before=_BACK,
    ),
    "newcomer": Grain(
        "newcomer of the period", conversions.newcomer, _ACTS, before=_BACK, after=conversions.CONVERT_DAYS
    ),
    "struggle_visit": Grain("visit", friction.struggle_visit, _ACTS[:1], before=1, after=1),
    "purchase": Grain("purchase", commerce.purchase, _ACTS[:1], before=1, after=1),
    "takings": Grain("purchase, refund or cancellation", commerce.takings, _ACTS[:1]),
    "exchanged": Grain(
        "purchase, refund or cancellation", currency.exchanged, _ACTS[:1], before=currency.RATE_DAYS
    ),
    "settled": Grain("purchase", commerce.settled, _ACTS[:1], after=commerce.TAKEN_BACK_DAYS),
    "buyer": Grain("buyer of the period", commerce.buyer, _ACTS[:1], before=commerce.REPEAT_DAYS),
    "owner": Grain(
        "buyer of items in the year up to the period's end",
        commerce.owner,
        _ACTS[:1],
        before=commerce.REPEAT_DAYS,
    ),
    "mailing": Grain("mailing", words.mailing, (MAILINGS, JOURNEY_TOUCHPOINTS)),
    "post": Grain("post", words.post, (JOURNEY_TOUCHPOINTS,)),
    "mention": Grain("post and brand that it names", words.mention, (JOURNEY_TOUCHPOINTS,)),
    "own_post": Grain("post of the brand with followers", words.own_post, (JOURNEY_TOUCHPOINTS,)),
    "text": Grain("text", words.text, (SENTIMENT,)),
    "asked": Grain("response to a survey that asks", words.asked, (JOURNEY_TOUCHPOINTS,)),
    "heard": Grain("answer", words.heard, (JOURNEY_TOUCHPOINTS,)),
    "answer": Grain("respondent's latest answer of the period", words.answer, _ACTS),
    "satisfaction": Grain("answer on satisfaction", words.scored(words.SATISFIED), (JOURNEY_TOUCHPOINTS,)),
    "effort": Grain("answer on effort", words.scored(words.EASY), (JOURNEY_TOUCHPOINTS,)),
    "review": Grain("review with stars", words.review, (JOURNEY_TOUCHPOINTS,)),
    "customer": Grain("active customer of the period", people.customer, _ACTS),
    "returner_calendar": Grain("active customer of the week", people.returner("calendar"), _ACTS, after=7),
    "returner_rolling": Grain("active customer of the week", people.returner("rolling"), _ACTS, after=14),
    "stayer": Grain("customer at the period's start", people.stayer, _ACTS, before=people.SILENT_DAYS),
    "ticket": Grain("ticket created", support.ticket, (TICKETS,)),
    "contact_or_order": Grain("ticket written or purchase", support.contact_or_order, _ACTS[:1]),
    "created": Grain("ticket replied to, when created", support.created, (TICKETS,)),
    "solved": Grain("ticket solved", support.solved, (TICKETS,)),
    "solution": Grain("ticket solved, of somebody known", support.solution, (TICKETS,)),
    "open_ticket": Grain("ticket that waits", support.open_ticket, (TICKETS,)),
    "rating": Grain("rating", support.rating, (JOURNEY_TOUCHPOINTS,)),
    "solved_rating": Grain(
        "ticket solved and rated",
        support.solved_rating,
        (*_ACTS[:1], TICKETS),
        before=support.ANSWER_DAYS,
        after=support.ANSWER_DAYS,
    ),
    "solved_score": Grain(
        "ticket solved, with an answer on satisfaction",
        support.solved_score,
        (*_ACTS[:1], TICKETS),
        before=support.ANSWER_DAYS,
        after=support.ANSWER_DAYS,
    ),
    "contract": Grain("contract", business.contract, (CONTRACTS,)),
    "shaped": Grain("account in use under contract", business.shaped, (ACCOUNT_JOURNEYS,)),
    "beginner": Grain(
        "account's first contract, not used before",
        business.beginner,
        (CONTRACTS, ACCOUNT_JOURNEYS),
        after=business.BEGIN_DAYS,
    ),
    "licence": Grain(
        "account under contract at the period's end", business.licence, (CONTRACTS, ACCOUNT_USERS)
    ),
    "subscriber": Grain(
        "account of the week under contract and in use",
        business.subscriber,
        (CONTRACTS, ACCOUNT_USERS),
        before=business.BASELINE_WEEKS * 7,
    ),
    "contracted": Grain("account under contract at the period's start", business.contracted, (CONTRACTS,)),
    "invoiced": Grain(
        "account under a contract with a price at the period's start", business.invoiced, (CONTRACTS,)
    ),
    "rollout": Grain(
        "account's first contract, of the period",
        business.rollout,
        (CONTRACTS, ACCOUNT_USERS),
        after=business.BEGIN_DAYS,
    ),
    "invited": Grain(
        "member invited in the period", business.invited, (ACCOUNT_USERS,), after=business.BEGIN_DAYS
    ),
    "renewal": Grain(
        "renewal or end of a contract in the period",
        business.renewal,
        (ACCOUNT_JOURNEYS, CONTRACTS, ACCOUNT_USERS),
        before=business.RENEWAL_DAYS + business.FEATURE_DAYS,
    ),
    "feature_user": Grain(
        "member active up to the period's end, and feature",
        business.feature_user,
        (ACCOUNT_USERS,),
        before=business.FEATURE_DAYS,
    ),
    "feature_account": Grain(
        "account under contract at the period's end, and feature",
        business.feature_account,
        (CONTRACTS, ACCOUNT_USERS),
        before=business.FEATURE_DAYS,
    ),
    "new_user": Grain("new user of an account", business.new_user, (ACCOUNT_USERS,)),
}
