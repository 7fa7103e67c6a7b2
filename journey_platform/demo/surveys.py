"""The surveys: waves to customers, one after a solved ticket, and one for those who leave a full cart.

Scores are drawn from the measured answers; somebody with a reason to be angry gives the lower of two draws,
somebody whom a repair has pleased the higher. Previews and broken-off answers are in `dirt`.
"""

from datetime import datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import Wheel, happens, one_of, some_of, stream, whole
from journey_platform.demo.marginals import NPS_ANSWERS
from journey_platform.demo.notation import email_as_pasted
from journey_platform.demo.people import Cast
from journey_platform.demo.stories import CART_REASONS, Plot
from journey_platform.demo.truth import Tally
from journey_platform.demo.words import (
    COMPLAINTS,
    CONTENT,
    EASE,
    INDIFFERENT,
    MOTIVES,
    ODD_LINES,
    PRAISE,
    mood,
)
from journey_platform.demo.world import Customer, Response, Survey, Ticket

WAVES_PER_90_DAYS = 3
ANSWERS_PER_WAVE = 0.045
ANSWERS_AFTER_TICKET = 0.2
ANSWERS_TO_EXIT = 0.5
ANSWERS_ON_EASE = 0.9
ANSWERS_ON_CONTENT = 0.95
_SCORE = Wheel(dict(enumerate(NPS_ANSWERS)))
_EASE = Wheel({1: 0.05, 2: 0.07, 3: 0.1, 4: 0.13, 5: 0.2, 6: 0.25, 7: 0.2})
_CONTENT = Wheel({1: 0.08, 2: 0.1, 3: 0.17, 4: 0.35, 5: 0.3})
_REASON = Wheel(CART_REASONS)
_HEARD = Wheel({"social media": 0.5, "search": 0.2, "a friend": 0.2, "television": 0.1})


class Panel:
    """Collects responses to the three surveys."""

    def __init__(self, seed: int, cast: Cast, plot: Plot, calendar: Calendar, tally: Tally) -> None:
        self.responses: list[Response] = []
        created_at = calendar.start - timedelta(days=30)
        self.waves, self.after_ticket, self.at_exit = self.surveys = (
            Survey("SV_relational01", "How are we doing?", "relational", created_at),
            Survey("SV_afterticket1", "How did we help?", "transactional", created_at),
            Survey("SV_leftcart0001", "You left your cart", "exit", created_at),
        )
        self._rng, self._ease_rng = stream(seed, "surveys"), stream(seed, "ease")
        self._content_rng = stream(seed, "content")
        self._cast, self._plot, self._calendar, self._tally = cast, plot, calendar, tally

    def ask_all(self, solved: list[tuple[Customer, Ticket]], left_carts: dict[int, datetime]) -> None:
        rng, calendar = self._rng, self._calendar
        customers = self._cast.customers
        waves = max(1, round(WAVES_PER_90_DAYS * calendar.length / 90))
        for wave in range(waves):
            day = calendar.day_at((wave + 0.1) / waves)
            for number in some_of(
                rng, [c.number for c in customers], max(4, round(len(customers) * ANSWERS_PER_WAVE))
            ):
                at = calendar.moment(day, 9 * 3600 + int(rng.random() * 5 * 86_400))
                self._answer(self.waves, customers[number - 1], at)
        for customer, ticket in solved:
            if happens(rng, ANSWERS_AFTER_TICKET) and ticket.solved_at is not None:
                at = ticket.solved_at + timedelta(seconds=whole(rng, 3600, 200_000))
                self._answer(self.after_ticket, customer, at, ticket=ticket)
        for number, left_at in sorted(left_carts.items()):
            if happens(rng, ANSWERS_TO_EXIT):
                self._explain(customers[number - 1], left_at + timedelta(seconds=whole(rng, 30, 600)))
        self._ask_those_who_share()
        self._ask_twice()
        self.responses.sort(key=lambda response: (response.recorded_at, response.response_id))

    def _answer(
        self,
        survey: Survey,
        customer: Customer,
        at: datetime,
        *,
        ticket: Ticket | None = None,
        email: str | None = None,
        is_by_email: bool | None = None,
    ) -> None:
        """One finished answer. `is_by_email`: known by its address only, or by its user id only."""
        rng = self._rng
        if at not in self._calendar or at < customer.joined_at:
            return
        temper = self._plot.mood(customer, at)
        draws = [_SCORE.spin(rng), _SCORE.spin(rng)]
        score = draws[0] if temper == 0 else min(draws) if temper < 0 else max(draws)
        is_anonymous = is_by_email is None and email is None and happens(rng, 0.12)
        has_email = is_by_email if is_by_email is not None else happens(rng, 0.85)
        has_user = not is_by_email if is_by_email is not None else happens(rng, 0.6)
        address = None if is_anonymous or not (has_email or email) else email or customer.emails[0]
        user_id = None if is_anonymous or not (has_user or email) else customer.user_id
        response = self.respond(
            survey,
            at,
            name=None if is_anonymous else customer,
            email=address,
            user_id=user_id,
            nps=score,
            comment=self._comment(score),
            ticket=ticket,
        )
        who = self._tally.record(customer.number, ("email", address), ("user_id", user_id))
        if ticket is not None:
            self._say_how_easy(response, temper)
            self._say_how_content(response, temper, ticket)
        if ticket is not None and who is not None:
            self._tally.record(customer.number, who, ("zendesk_user_id", str(ticket.requester_id)))
        self._tally.answer(survey.survey_id, who, customer.number, response.recorded_at, score)
        self._tally.wrote("survey", response.recorded_at, mood(response.comment))
        self._tally.is_active(who, customer.number, response.recorded_at)

    def _say_how_easy(self, response: Response, temper: int) -> None:
        rng = self._ease_rng
        draws = [_EASE.spin(rng), _EASE.spin(rng)]
        points = draws[0] if temper == 0 else min(draws) if temper < 0 else max(draws)
        if happens(rng, ANSWERS_ON_EASE):
            response.ease = EASE[points - 1]
            self._tally.found_easy(response.survey_id, response.recorded_at, points)

    def _say_how_content(self, response: Response, temper: int, ticket: Ticket) -> None:
        rng = self._content_rng
        draws = [_CONTENT.spin(rng), _CONTENT.spin(rng)]
        points = draws[0] if temper == 0 else min(draws) if temper < 0 else max(draws)
        if happens(rng, ANSWERS_ON_CONTENT):
            response.satisfaction = CONTENT[points - 1]
            self._tally.content(response.survey_id, response.recorded_at, points, ticket)

    def _comment(self, score: int) -> str:
        rng = self._rng
        if happens(rng, 0.08):
            return one_of(rng, ODD_LINES)
        return one_of(rng, PRAISE if score >= 9 else COMPLAINTS if score <= 5 else INDIFFERENT)

    def _explain(self, customer: Customer, at: datetime) -> None:
        """The exit survey: no score, but how they came and why they left."""
        rng = self._rng
        if at not in self._calendar:
            return
        reason = _REASON.spin(rng)
        user_id = customer.user_id if happens(rng, 0.4) and at >= customer.joined_at else None
        response = self.respond(
            self.at_exit, at, name=None, email=None, user_id=user_id, nps=None, comment=MOTIVES[reason]
        )
        response.reason, response.heard_about_us = reason, _HEARD.spin(rng)
        who = self._tally.record(customer.number, ("user_id", user_id))
        self._tally.is_active(who, customer.number, response.recorded_at)
        self._tally.wrote("survey", response.recorded_at, mood(response.comment))
        self._tally.heard(self.at_exit.survey_id, response.recorded_at, response.heard_about_us)

    def _ask_those_who_share(self) -> None:
        """Families and offices answer from one mailbox, each under its own user id."""
        groups: list[tuple[str, tuple[Customer, ...]]]
        groups = [(family.email, family.members) for family in self._cast.families]
        groups += [(mailbox.email, mailbox.users[:2]) for mailbox in self._cast.mailboxes]
        for nth, (email, members) in enumerate(groups):
            for member in members:
                day = self._calendar.day_at((nth + 0.5) / (len(groups) + 1))
                at = self._calendar.moment(day, 20 * 3600 + whole(self._rng, 0, 3600))
                self._answer(self.waves, member, at, email=email)

    def _ask_twice(self) -> None:
        """Some think again two days later, once known by address, once by user id: the later one counts."""
        calendar, rng = self._calendar, self._rng
        users = [c for c in self._cast.customers if c.user_id and c.joined_at < calendar.start]
        mondays = [
            day for day in calendar.days() if day.weekday() == 0 and (calendar.last_day - day).days >= 6
        ]
        for nth, monday in enumerate(mondays[:8]):
            customer = users[(nth * 37) % len(users)]
            for day, is_by_email in ((monday, True), (monday + timedelta(days=2), False)):
                at = calendar.moment(day, 15 * 3600 + whole(rng, 0, 3600))
                self._answer(self.waves, customer, at, is_by_email=is_by_email)

    def respond(
        self,
        survey: Survey,
        at: datetime,
        *,
        name: Customer | None,
        email: str | None,
        user_id: str | None,
        nps: int | None,
        comment: str,
        ticket: Ticket | None = None,
        distribution: str = "",
        is_finished: bool = True,
    ) -> Response:
        """Files a response that is recorded at `at`."""
        rng = self._rng
        number = len(self.responses) + 1
        taken_s = whole(rng, 40, 400)
        response = Response(
            response_id=f"R_{number:07d}{'abcdefgh'[number % 8]}",
            survey_id=survey.survey_id,
            started_at=at - timedelta(seconds=taken_s + 2),
            ended_at=at - timedelta(seconds=2),
            recorded_at=at,
            is_finished=is_finished,
            distribution=distribution or ("email" if email else "anonymous"),
            email=email and email_as_pasted(rng, email),
            first_name=name.first_name if name else None,
            last_name=name.last_name if name else None,
            user_id=user_id,
            ticket_id=ticket.ticket_id if ticket else None,
            nps=nps,
            comment=comment,
            heard_about_us=None,
            ip=f"198.19.{whole(rng, 0, 255)}.{whole(rng, 1, 254)}",
        )
        self.responses.append(response)
        return response
