"""The tally of what is true, kept while the world is made: who is who, and the KPIs' two parts.

The emitters tell a `Tally` each thing at the moment they emit it, and the definitions are applied there and
then: this is a second implementation of them, made from what was meant and not from the records. At the end
`finish` only joins people by the evidence that was told. `partition` gives the profiles that a perfect reader
of that evidence ends with. Nothing here looks at records.

Counting people (support rate, one answer per person and week) depends on who can be told apart. `Truth.kpis`
counts what the emitted evidence allows: a cookie that never logs in belongs to nobody known, a public handle
that no vendor ties to an address is a person of its own. `Truth.people_kpis` counts real people; the distance
between the two is what no pipeline could close. It also holds `open_rate`, the opens that people really made,
which lies between the two published bounds.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.conversions import begun, conversions, points, steps
from journey_platform.demo.joined import Joined
from journey_platform.demo.origins import origins
from journey_platform.demo.reckoning import Key, Log, Parts, People, contacts, counted_anew, people_kpis
from journey_platform.demo.seats import account_kpis
from journey_platform.demo.stars import stars
from journey_platform.demo.takings import carts, exchanged, takings
from journey_platform.demo.words import Mood
from journey_platform.demo.world import ShopOrder, Ticket, TrueSession, Truth, Visit

Identifier = tuple[str, str]
SHARES = frozenset({"traffic_source", "ticket_reasons", "heard_about_us", "text_topics", "share_of_voice"})
COUNTS = frozenset({"visits", "page_views", "social_mentions", "tickets"})
_ANSWERED = timedelta(days=14)
PLACEHOLDERS = frozenset({"null", "anonymous", "0000", "undefined", "n/a"})


def partition(truth: Truth) -> list[frozenset[Identifier]]:
    """The profiles that the emitted evidence allows: disjoint sets of identifiers, in a fixed order.

    Shared identifiers and placeholders are in none of them.
    """
    joined = Joined()
    for sets in truth.linkable.values():
        for evidence in sets:
            joined.join(evidence)
    return joined.sets()


def profiles_of(truth: Truth) -> dict[int, list[frozenset[Identifier]]]:
    """Per customer, the profiles that hold its identifiers: several where no record ties them together."""
    profiles: dict[int, list[frozenset[Identifier]]] = defaultdict(list)
    for profile in partition(truth):
        owner = truth.owner_of[min(profile)]
        if owner > 0:
            profiles[owner].append(profile)
    return dict(sorted(profiles.items()))


class Tally:
    """Is told what is emitted, and keeps the truth of it."""

    def __init__(self, calendar: Calendar, shared: Iterable[Identifier]) -> None:
        self._calendar = calendar
        self._truth = Truth(shared=set(shared))
        self._numerators: defaultdict[tuple[str, str, date, str], float] = defaultdict(float)
        self._denominators: defaultdict[tuple[str, str, date, str], float] = defaultdict(float)
        self._evidence: dict[int, set[frozenset[Identifier]]] = defaultdict(set)
        self._users_of_shared: dict[Identifier, set[str]] = defaultdict(set)
        self._log = Log()
        self.filed = Log()
        """What the company's files tell on top."""
        self._strangers = 0

    # -- who is who

    def stranger(self) -> int:
        """A new number for somebody who is no customer."""
        self._strangers += 1
        return -self._strangers

    def record(self, owner: int | None, *identifiers: tuple[str, str | None]) -> Identifier | None:
        """One emitted record shows these (kind, normalised value) together.

        Returns an identifier that leads to its person, or None where it carries only shared ones and
        placeholders. `owner` may be None only then. Raises ValueError where the world contradicts itself.
        """
        usable = []
        users = [value for kind, value in identifiers if kind == "user_id" and value not in PLACEHOLDERS]
        for kind, value in identifiers:
            if value is None or value in PLACEHOLDERS or value.startswith("test@"):
                continue
            if (kind, value) in self._truth.shared:
                self._users_of_shared[kind, value].update(user for user in users if user is not None)
            else:
                usable.append((kind, value))
        if not usable:
            return None
        if not any(kind == "cookie_id" for kind, _ in identifiers):
            told = [value for kind, value in identifiers if kind == "email" and value is not None]
            self._log.addressed += [(min(usable), value.rpartition("@")[2]) for value in told]
        for identifier in usable:
            if owner is None or self._truth.owner_of.setdefault(identifier, owner) != owner:
                raise ValueError(f"a {identifier[0]} of two people, or of nobody, is not declared as shared")
        assert owner is not None
        self._evidence[owner].add(frozenset(usable))
        return min(usable)

    def known(self, email: str) -> Identifier | None:
        """The address, where a record tells of it already, as of one person."""
        identifier = "email", email.strip().lower()
        return identifier if identifier in self._truth.owner_of else None

    def owner(self, who: Identifier) -> int:
        """Whose identifier it is."""
        return self._truth.owner_of[who]

    def is_active(self, who: Identifier | None, owner: int | None, at: datetime) -> None:
        """The person did something towards the brand, himself and not by a machine."""
        self._log.acts.append((who, owner, at))

    def employed(self, who: Identifier | None, company: str) -> None:
        """A record names the company that somebody works for."""
        self._log.employed.append((who, company))

    def declared(self, company: str, domain: str) -> None:
        """A record says that a mail domain is a company's."""
        self._log.declared.add((company, domain))

    def used(self, who: Identifier | None, at: datetime) -> None:
        """Somebody used the site."""
        self._log.used.append((who, at))

    def exclude(self, reason: str, count: int = 1) -> None:
        """Something was emitted that must not be counted."""
        self._truth.excluded[reason] = self._truth.excluded.get(reason, 0) + count

    # -- KPIs

    def _count(self, kpi: str, day: date, dimension: str, above: float, below: float = 0.0) -> None:
        key = (kpi, "day", day, dimension)
        self._numerators[key] += above
        self._denominators[key] += below

    def session(self, session: TrueSession) -> None:
        """A visit that began in the range. Robots are kept apart and counted nowhere."""
        self._truth.sessions[session.visit_id] = session
        if session.is_bot:
            self.exclude("matomo.visits.bot")
            return
        has_order = session.orders > 0
        has_pages = session.page_views >= 2
        lasted_s = (session.ended_at - session.started_at).total_seconds()
        beats = session.heartbeats >= 2
        channel, device = f"traffic_channel={session.traffic_channel}", f"device={session.device}"
        by_visit = ("all", channel, device, f"campaign={session.campaign or 'Unassigned'}")
        by_entry = ("all", channel, device, f"landing_page={session.landing_page or 'Unassigned'}")
        day = session.day
        for dimension in by_visit:
            self._count("visits", day, dimension, 1)
            self._count("conversion_rate", day, dimension, has_order, 1)
        for dimension in by_entry:
            self._count("bounce_single_page", day, dimension, session.page_views == 1, 1)
            self._count("bounce_ga4", day, dimension, not (has_pages or has_order or lasted_s > 10), 1)
            self._count("bounce_snowplow", day, dimension, not (has_pages or has_order or beats), 1)
        for dimension in ("all", channel, device):
            self._count("page_views", day, dimension, session.page_views)
            self._count("pages_per_session", day, dimension, session.page_views, 1)
            self._count("engaged_time_per_session", day, dimension, session.engaged_s, 1)
            self._log.measured["pages_per_session_median", day, dimension].append(session.page_views)
        for dimension in ("all", device):
            self._count("traffic_unassigned", day, dimension, session.traffic_channel == "Other", 1)
        self._count("traffic_source", day, channel, 1)
        self._count("traffic_source", day, "all", 1)

    def visitor(self, who: Identifier | None, cookie: str, device: str, at: datetime) -> None:
        """A visit that no robot made: by which browser, of whom."""
        self._log.visitors.append((who, cookie, device, at))

    def entered(self, who: Identifier | None, cookie: str, at: datetime, channel: str, campaign: str) -> None:
        """By which channel and campaign a visitor came."""
        self._log.entered.append((at, who or ("cookie_id", cookie), channel, campaign))

    def went(self, who: Identifier | None, visit: Visit, channel: str) -> None:
        """What was done in a visit that no robot made."""
        day = self._calendar.day_of(visit.actions[0].at)
        score = points(visit.actions)
        told = [*steps(visit.actions), ("friction_score", score, 1), ("friction_rate", score >= 6, 1)]
        for dimension in ("all", f"traffic_channel={channel}", f"device={visit.device}"):
            for kpi, above, below in told:
                self._count(kpi, day, dimension, above, below)
        self._log.features += [
            (who, action.at, f"Feature/{action.title}") for action in visit.actions if action.kind == "event"
        ]
        visitor = who or ("cookie_id", visit.cookie)
        orders = [action.at for action in visit.actions if action.kind == "order"]
        self._log.ordered += [(at, visitor) for at in orders]
        self._log.tried += [
            (step, at, visitor, f"device={visit.device}") for step, at in begun(visit.actions)
        ]

    def page(self, at: datetime, path: str, device: str, dwell_s: int | None) -> None:
        """A page seen by somebody, and how long, where the page told."""
        day = self._calendar.day_of(at)
        is_measured = dwell_s is not None
        for dimension in ("all", f"page={path}", f"device={device}"):
            self._count("time_on_page", day, dimension, dwell_s or 0, is_measured)
        for dimension in ("all", f"device={device}"):
            self._count("time_on_page_measured", day, dimension, is_measured, 1)

    def shopping(self, who: Identifier | None, at: datetime, device: str, *, is_order: bool) -> None:
        """Something is put into a cart, or ordered."""
        self._log.shopping.append((who, at, device, is_order))

    def mailing(self, campaign_id: str, sent_at: datetime, sent: int, delivered: int) -> None:
        day = self._calendar.day_of(sent_at)
        for dimension in ("all", f"campaign={campaign_id}"):
            for kpi in ("open_rate_lower", "open_rate_upper", "click_through_rate", "open_rate"):
                self._count(kpi, day, dimension, 0, delivered)
            self._count("delivery_rate", day, dimension, delivered, sent)
            self._count("click_to_open_rate", day, dimension, 0, 0)

    def reader(
        self,
        campaign_id: str,
        sent_at: datetime,
        *,
        has_read: bool,
        is_seen: bool,
        has_any_open: bool,
        has_click: bool,
    ) -> None:
        """One recipient, when all that he did is known.

        `has_read`: he opened it; `is_seen`: an open of his own arrived; `has_any_open`: an open arrived, by
        whomever.
        """
        day = self._calendar.day_of(sent_at)
        for dimension in ("all", f"campaign={campaign_id}"):
            self._count("open_rate", day, dimension, has_read)
            self._count("open_rate_lower", day, dimension, is_seen)
            self._count("open_rate_upper", day, dimension, has_any_open)
            self._count("click_through_rate", day, dimension, has_click)
            self._count("click_to_open_rate", day, dimension, has_any_open and has_click, has_any_open)

    def ticket(self, who: Identifier | None, owner: int | None, at: datetime) -> None:
        self.is_active(who, owner, at)
        self._log.asked.append((who, owner, at))

    def handled(self, who: Identifier | None, reason: str, ticket: Ticket) -> None:
        """What came of a ticket, when all of it is known."""
        self._log.tickets.append((who, reason, ticket))
        day = self._calendar.day_of(ticket.created_at)
        for dimension in ("all", f"reason={reason}"):
            self._count("tickets", day, dimension, 1)
            self._count("ticket_reasons", day, dimension, 1)
            if ticket.rated_at is not None:
                rated_on = self._calendar.day_of(ticket.rated_at)
                self._count("csat", rated_on, dimension, ticket.rating == "good", 1)
                if (solved_on := self._solved_on(ticket, ticket.rated_at)) is not None:
                    self._count("csat_when_solved", solved_on, dimension, ticket.rating == "good", 1)
        for kpi in ("tickets_unmatched", "tickets_without_reason"):
            self._count(kpi, day, "all", 0, 1)

    def _solved_on(self, ticket: Ticket, answered_at: datetime) -> date | None:
        """The day of a ticket's solution, where an answer counts on it and its days are over."""
        if ticket.solved_at is None:
            return None
        day, answered_on = self._calendar.day_of(ticket.solved_at), self._calendar.day_of(answered_at)
        is_counted = abs(answered_on - day) <= _ANSWERED and day + _ANSWERED <= self._calendar.last_day
        return day if is_counted else None

    def heard(self, survey_id: str, at: datetime, answer: str | None) -> None:
        """A finished response to a survey that asks how somebody heard of the brand."""
        day = self._calendar.day_of(at)
        for dimension in ("all", f"survey={survey_id}"):
            self._count("heard_about_us_answered", day, dimension, answer is not None, 1)
        if answer is not None:
            self._count("heard_about_us", day, "all", 1)
            self._count("heard_about_us", day, f"answer={answer}", 1)

    def content(self, survey_id: str, at: datetime, points: int, ticket: Ticket) -> None:
        """A finished answer of 1 to 5, very satisfied, about a ticket that is asked about once."""
        solved_on = self._solved_on(ticket, at)
        stands = [("", self._calendar.day_of(at)), *([("_when_solved", solved_on)] if solved_on else [])]
        for suffix, day in stands:
            for dimension in ("scale=csat_5", f"survey={survey_id}"):
                self._count(f"csat_top2{suffix}", day, dimension, points >= 4, 1)
            self._count(f"csat_mean{suffix}", day, "scale=csat_5", points, 1)

    def found_easy(self, survey_id: str, at: datetime, points: int) -> None:
        """A finished answer of 1 to 7, very easy; every one counts."""
        day = self._calendar.day_of(at)
        for dimension in ("all", f"survey={survey_id}"):
            self._count("ces", day, dimension, points, 1)
            self._count("ces_easy", day, dimension, points >= 5, 1)

    def answer(
        self, survey_id: str, who: Identifier | None, owner: int | None, recorded_at: datetime, nps: int
    ) -> None:
        """A finished answer of 0 to 10; the latest of a person, survey and week counts."""
        self._log.answers.append((survey_id, who, owner, recorded_at, nps))

    def buyer(self, visit_id: int) -> int | None:
        """Whose visit it was, where anybody can say."""
        return self._truth.sessions[visit_id].owner

    def sale(self, who: Identifier | None, order: ShopOrder) -> None:
        """An order that is no test, with what was given back of it."""
        self._log.sales.append((who, order))

    def signed(self, who: Identifier | None, order: ShopOrder) -> None:
        """An order that is a contract for seats."""
        self._log.signed.append((who, order))

    def carts(self, visits: Iterable[Visit]) -> None:
        """All visits, once they are made: what is left in their carts."""
        self._truth.kpis.update(carts(visits, self._calendar))

    def mention(self, at: datetime) -> None:
        for dimension in ("all", "platform=mastodon"):
            self._count("social_mentions", self._calendar.day_of(at), dimension, 1)

    def named(self, at: datetime, brand: str) -> None:
        """A post of others names a brand: ours is called "own brand"."""
        for dimension in ("all", f"brand={brand}"):
            self._count("share_of_voice", self._calendar.day_of(at), dimension, 1)

    def posted(self, at: datetime, per_follower: float) -> None:
        """A post of the brand's own, with what came of it."""
        for dimension in ("all", "platform=mastodon"):
            self._count(
                "social_engagement_by_followers", self._calendar.day_of(at), dimension, per_follower, 1
            )

    def wrote(self, channel: str, at: datetime, mood: Mood | None) -> None:
        """A text that somebody wrote to be read, and what mood it means; None where it is blank."""
        if mood is None:
            return
        day, is_known = self._calendar.day_of(at), mood != "unknown"
        balance = (mood == "positive") - (mood == "negative")
        for dimension in ("all", f"channel={channel}"):
            self._count("text_topics", day, dimension, 1)
            self._count("sentiment_unknown", day, dimension, not is_known, 1)
            self._count("sentiment_positive", day, dimension, mood == "positive", is_known)
            self._count("sentiment_negative", day, dimension, mood == "negative", is_known)
            self._count("net_sentiment", day, dimension, balance, is_known)
            self._count("net_sentiment_of_opinions", day, dimension, balance, abs(balance))

    # -- the end

    def finish(self) -> Truth:
        """The truth, with people joined by all evidence that was told."""
        truth = self._truth
        for identifier in sorted(truth.shared):
            if len(self._users_of_shared[identifier]) < 2:
                raise ValueError(f"a shared {identifier[0]} was never seen with two users")
        truth.linkable = {
            owner: sorted(self._evidence[owner], key=lambda evidence: sorted(evidence))
            for owner in sorted(self._evidence)
        }
        truth.excluded = dict(sorted(truth.excluded.items()))
        self._finish_days()
        people = People(truth, partition(truth))
        truth.kpis.update(counted_anew(self._log, people, self._calendar))
        truth.kpis.update(origins(self._log, people, self._calendar))
        alike = dict(truth.kpis)
        truth.kpis.update(self._reckoned(self._log, people))
        whole = self._log.with_lists_of(self.filed)
        truth.kpis_with_files = alike | self._reckoned(whole, people)
        truth.people_kpis.update(people_kpis(whole, people, self._calendar, is_by_person=True))
        return truth

    def _reckoned(self, log: Log, people: People) -> dict[Key, Parts]:
        """What dropped files may tell of, too."""
        calendar = self._calendar
        sold = [(people.profile(who), order) for who, order in log.sales]
        tracked = {order.number for _, order in sold if order.source == "web"}
        found = people_kpis(log, people, calendar, is_by_person=False) | contacts(log, calendar)
        found |= takings(sold, calendar, tracked=tracked) | exchanged(log, calendar)
        found |= conversions(log, people, calendar)
        return found | account_kpis(log, people, calendar) | stars(log)

    def _finish_days(self) -> None:
        totals = {
            (kpi, day): n
            for (kpi, _, day, dimension), n in self._numerators.items()
            if kpi in SHARES and dimension == "all"
        }
        for key in sorted(self._numerators):
            kpi, _, day, dimension = key
            above, below = self._numerators[key], self._denominators[key]
            if kpi in SHARES:
                if dimension != "all":
                    self._truth.kpis[key] = (above, totals[kpi, day])
            elif kpi in COUNTS:
                self._truth.kpis[key] = (above, None)
            elif kpi == "open_rate":
                self._truth.people_kpis[key] = (above, below)
            else:
                self._truth.kpis[key] = (above, below)
