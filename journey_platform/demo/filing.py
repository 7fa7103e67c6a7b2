"""What the company's own systems write into files that are dropped: exchange rates, receipts of tills abroad,
exports of reviews, and what happens to accounts.

The shop in London sells in pounds, also to customers from there; at a fair in Zürich it sold in francs, for
which nobody tells a rate. The product's administrators invite the people of new companies before they begin,
and some others, of whom some were there already and some never come. Contracts are renewed, or not, after
some months. The files stand in `World.files` by name; what is true of them goes to `Tally.filed`.
"""

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, stream, whole
from journey_platform.demo.truth import Tally
from journey_platform.demo.world import Customer, Refund, ShopOrder, World

DECLARATION = """feeds:
  rates:
    files: rates.csv
    grain: currency and day, with its rate
    key: [at, currency]
    time: at
    columns: {rate: number}
    touchpoints:
      - {type: exchange_rate, channel: commerce, subject_id: $currency, value: $rate, unit: EUR}
  receipts:
    files: receipts.csv
    grain: receipt of a till abroad, or of money given back on it
    notation: {delimiter: ";", decimal: ","}
    key: [receipt, kind]
    time: at
    columns: {amount: number}
    personal: [mail]
    touchpoints:
      - type: purchase
        channel: commerce
        when: {kind: sale}
        identifiers: {email: $mail}
        subject_id: $receipt
        medium: store
        value: $amount
        unit: $currency
      - type: refund
        channel: commerce
        when: {kind: return}
        identifiers: {email: $mail}
        subject_id: $receipt
        medium: store
        value: -$amount
        unit: $currency
  reviews:
    files: reviews.csv
    grain: review on a site
    key: [review]
    time: at
    columns: {stars: number}
    touchpoints:
      - {type: review, channel: social, subject_id: $review, source: $site, value: $stars, unit: stars}
  accounts:
    files: accounts.csv
    grain: invitation of a user, or decision on a contract
    key: [at, what, mail]
    time: at
    personal: [mail]
    touchpoints:
      - type: user_invited
        channel: account
        when: {what: invited}
        identifiers: {email: $mail}
        is_machine: true
      - type: {column: what, values: {renewed: contract_renewed, ended: contract_ended}}
        channel: account
        unless: {what: invited}
        identifiers: {email: $mail}
"""
"""The invitation is sent by a machine: who gets it did nothing yet."""

_SITES = ("trustpilot", "google")
_STARS = Wheel({5: 0.45, 4: 0.25, 3: 0.1, 2: 0.06, 1: 0.14})
_REVIEWS_PER_CUSTOMER = 0.05
_RECEIPTS_PER_CUSTOMER = 0.02
_VISITED = 0.5
_RETURNED = 0.15
_FAIR_RECEIPTS = 3
_INVITED = 0.4
_TERM = timedelta(days=93)
_POUND = 1.15
_REST_S = 60.0


@dataclass(frozen=True)
class Deed:
    """What happened to an account, told of an address of it: invited, or a contract is renewed or ended."""

    at: datetime
    what: str
    email: str


def file_all(
    seed: int,
    customers: Sequence[Customer],
    newcomers: Sequence[Customer],
    contracts: Iterable[ShopOrder],
    calendar: Calendar,
    tally: Tally,
) -> dict[str, str]:
    """All files by name. `newcomers`: the people of new companies, in groups, the buyer of each first."""
    return {
        "files.yaml": DECLARATION,
        "rates.csv": _rates(stream(seed, "rates"), calendar, tally),
        "receipts.csv": _receipts(stream(seed, "receipts"), customers, calendar, tally),
        "reviews.csv": _reviews(stream(seed, "reviews"), len(customers), calendar, tally),
        "accounts.csv": _accounts(
            stream(seed, "invitations"), customers, newcomers, contracts, calendar, tally
        ),
    }


def drop(world: World, folder: Path) -> None:
    """Write the files into a folder that is there, as old as files that have come to rest."""
    for name, text in world.files.items():
        (folder / name).write_text(text)
        rested = time.time() - _REST_S
        os.utime(folder / name, (rested, rested))


def _rates(rng: Random, calendar: Calendar, tally: Tally) -> str:
    """What a pound is worth in euros, on each working day."""
    rows, worth = [], _POUND
    for day in calendar.days():
        if day.weekday() < 5:
            worth = round(worth * (0.995 + 0.01 * rng.random()), 4)
            at = calendar.moment(day, 16 * 3600)
            rows.append((at.isoformat(), "GBP", f"{worth:.4f}"))
            tally.filed.rates.append((day, "GBP", f"{worth:.4f}"))
    return _text(",", ("at", "currency", "rate"), rows)


def _receipts(rng: Random, customers: Sequence[Customer], calendar: Calendar, tally: Tally) -> str:
    """Sales in London all the time, and in Zürich on one day."""
    days = list(calendar.days())
    fair = calendar.day_at(0.6)
    buyers = [c for c in customers if c.country == "GB" and happens(rng, _VISITED)]
    nameless = max(2, round(len(customers) * _RECEIPTS_PER_CUSTOMER))
    sales: list[tuple[Customer | None, str, date]] = []
    sales += [(c, "GBP", one_of(rng, days)) for c in buyers for _ in range(whole(rng, 1, 2))]
    sales += [(None, "GBP", one_of(rng, days)) for _ in range(nameless)]
    sales += [(None, "CHF", fair) for _ in range(_FAIR_RECEIPTS)]
    rows = []
    for nth, (buyer, currency, day) in enumerate(sales):
        who = tally.known(buyer.emails[0]) if buyer else None
        order = ShopOrder(
            order_id=nth,
            number=f"{currency}{1001 + nth}",
            created_at=calendar.moment(day, whole(rng, 10 * 3600, 17 * 3600)),
            source="pos",
            total=whole(rng, 900, 24_900) / 100,
            email=buyer.emails[0] if buyer and who else None,
            phone=None,
            customer_id=None,
            first_name="",
            last_name="",
            currency=currency,
        )
        later = order.created_at + timedelta(hours=whole(rng, 20, 200))
        if happens(rng, _RETURNED) and later in calendar:
            order.refunds.append(Refund(nth, later, order.total))
        tally.filed.sales.append((who, order))
        tally.filed.acts.append((who, buyer.number if buyer and who else None, order.created_at))
        told = [(order.created_at, "sale"), *((refund.at, "return") for refund in order.refunds)]
        amount = f"{order.total:.2f}".replace(".", ",")
        rows += [
            (order.number, at.isoformat(), kind, amount, currency, order.email or "") for at, kind in told
        ]
    return _text(";", ("receipt", "at", "kind", "amount", "currency", "mail"), rows)


def _reviews(rng: Random, customers: int, calendar: Calendar, tally: Tally) -> str:
    days, rows = list(calendar.days()), []
    for nth in range(max(8, round(customers * _REVIEWS_PER_CUSTOMER))):
        day, site, stars = one_of(rng, days), one_of(rng, _SITES), _STARS.spin(rng)
        rows.append((f"{nth + 1}", calendar.some_time(rng, day).isoformat(), site, f"{stars}"))
        tally.filed.reviews.append((day, site, stars))
    return _text(",", ("review", "at", "site", "stars"), rows)


def _accounts(
    rng: Random,
    customers: Sequence[Customer],
    newcomers: Sequence[Customer],
    contracts: Iterable[ShopOrder],
    calendar: Calendar,
    tally: Tally,
) -> str:
    """Invitations, and what becomes of contracts that end in the range."""
    deeds = []
    begun: set[str] = set()
    for person in newcomers:
        if person.company in begun:
            at = person.joined_at - timedelta(hours=whole(rng, 2, 60))
            deeds.append(Deed(max(at, calendar.start), "invited", person.emails[0]))
        begun.add(person.company)
    for customer in customers:
        if customer.company and happens(rng, _INVITED):
            day = calendar.day_at(rng.random())
            at = calendar.some_time(rng, day, is_office_hours=True)
            deeds.append(Deed(at, "invited", customer.emails[0]))
    for order in contracts:
        at = order.created_at + _TERM
        if at in calendar and order.email:
            # The first of the new companies fell silent.
            is_lost = bool(newcomers) and order.email == newcomers[0].emails[0]
            deeds.append(Deed(at, "ended" if is_lost else "renewed", order.email))
    told = [(tally.known(deed.email), deed) for deed in deeds]
    for who, deed in told:
        if who is not None:
            deeds_of = tally.filed.invited if deed.what == "invited" else tally.filed.decided
            deeds_of.append((who, deed.at, deed.what))
            if deed.what == "renewed":
                tally.filed.acts.append((who, tally.owner(who), deed.at))
    rows = [(deed.at.isoformat(), deed.what, deed.email) for who, deed in told if who is not None]
    return _text(",", ("at", "what", "mail"), rows)


def _text(delimiter: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Delimited text; no value here needs a quote."""
    return "".join(f"{delimiter.join(row)}\n" for row in (header, *sorted(rows)))
