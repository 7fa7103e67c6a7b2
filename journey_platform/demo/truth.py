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
from datetime import date, datetime

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.world import TrueSession, Truth

Identifier = tuple[str, str]
PLACEHOLDERS = frozenset({"null", "anonymous", "0000", "undefined", "n/a"})


class Joined:
    """Sets of identifiers that grow together (union-find); the smallest identifier stands for its set."""

    def __init__(self) -> None:
        self._parent: dict[Identifier, Identifier] = {}

    def find(self, identifier: Identifier) -> Identifier:
        root = self._parent.setdefault(identifier, identifier)
        while root != self._parent[root]:
            root = self._parent[root]
        while identifier != root:
            self._parent[identifier], identifier = root, self._parent[identifier]
        return root

    def join(self, identifiers: Iterable[Identifier]) -> None:
        roots = sorted({self.find(identifier) for identifier in identifiers})
        for root in roots[1:]:
            self._parent[root] = roots[0]

    def sets(self) -> list[frozenset[Identifier]]:
        members: dict[Identifier, set[Identifier]] = defaultdict(set)
        for identifier in self._parent:
            members[self.find(identifier)].add(identifier)
        return [frozenset(members[root]) for root in sorted(members)]


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
        self._active: dict[date, set[tuple[Identifier | None, int | None]]] = defaultdict(set)
        self._asking: dict[date, set[tuple[Identifier | None, int | None]]] = defaultdict(set)
        self._answers: list[tuple[str, Identifier | None, int | None, datetime, int]] = []
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
        for identifier in usable:
            if owner is None or self._truth.owner_of.setdefault(identifier, owner) != owner:
                raise ValueError(f"a {identifier[0]} of two people, or of nobody, is not declared as shared")
        assert owner is not None
        self._evidence[owner].add(frozenset(usable))
        return min(usable)

    def is_active(self, who: Identifier | None, owner: int | None, at: datetime) -> None:
        """The person did something towards the brand, himself and not by a machine."""
        self._active[self._calendar.week_of(at)].add((who, owner))

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
        for dimension in ("all", f"traffic_channel={session.traffic_channel}"):
            day = session.day
            self._count("visits", day, dimension, 1)
            self._count("bounce_single_page", day, dimension, session.page_views == 1, 1)
            self._count("bounce_ga4", day, dimension, not (has_pages or has_order or lasted_s > 10), 1)
            beats = session.heartbeats >= 2
            self._count("bounce_snowplow", day, dimension, not (has_pages or has_order or beats), 1)
            self._count("pages_per_session", day, dimension, session.page_views, 1)
            self._count("conversion_rate", day, dimension, has_order, 1)
        self._count("traffic_source", session.day, f"traffic_channel={session.traffic_channel}", 1)
        self._count("traffic_source", session.day, "all", 1)

    def mailing(self, campaign_id: str, sent_at: datetime, delivered: int) -> None:
        for kpi in ("open_rate_lower", "open_rate_upper", "click_through_rate", "open_rate"):
            for dimension in ("all", f"campaign={campaign_id}"):
                self._count(kpi, self._calendar.day_of(sent_at), dimension, 0, delivered)

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

    def ticket(self, who: Identifier | None, owner: int | None, at: datetime) -> None:
        self.is_active(who, owner, at)
        self._asking[self._calendar.week_of(at)].add((who, owner))

    def answer(
        self, survey_id: str, who: Identifier | None, owner: int | None, recorded_at: datetime, nps: int
    ) -> None:
        """A finished answer of 0 to 10; the latest of a person, survey and week counts."""
        self._answers.append((survey_id, who, owner, recorded_at, nps))

    def mention(self, at: datetime) -> None:
        self._count("social_mentions", self._calendar.day_of(at), "all", 1)

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
        self._finish_people()
        return truth

    def _finish_days(self) -> None:
        totals = {
            key[2]: n for key, n in self._numerators.items() if key[0] == "traffic_source" and key[3] == "all"
        }
        for key in sorted(self._numerators):
            kpi, _, day, dimension = key
            above, below = self._numerators[key], self._denominators[key]
            if kpi == "traffic_source":
                if dimension != "all":
                    self._truth.kpis[key] = (above, totals[day])
            elif kpi in ("visits", "social_mentions"):
                self._truth.kpis[key] = (above, None)
            elif kpi == "open_rate":
                self._truth.people_kpis[key] = (above, below)
            else:
                self._truth.kpis[key] = (above, below)

    def _finish_people(self) -> None:
        profile_of = {identifier: profile for profile in partition(self._truth) for identifier in profile}
        known = {
            identifier
            for identifier, profile in profile_of.items()
            if any(kind != "cookie_id" for kind, _ in profile)
        }

        def profiles(seen: Iterable[tuple[Identifier | None, int | None]]) -> set[Identifier]:
            return {min(profile_of[who]) for who, _ in seen if who in known}

        def people(seen: Iterable[tuple[Identifier | None, int | None]]) -> set[int]:
            return {
                owner
                for who, owner in seen
                if owner is not None and (owner > 0 or (who is not None and who in known))
            }

        for week in sorted(self._active):
            key = ("support_rate", "week", week, "all")
            asking, active = self._asking[week], self._active[week]
            self._truth.kpis[key] = (float(len(profiles(asking))), float(len(profiles(active))))
            self._truth.people_kpis[key] = (float(len(people(asking))), float(len(people(active))))

        for kpis, is_by_person in ((self._truth.kpis, False), (self._truth.people_kpis, True)):
            latest: dict[tuple[str, date, object], tuple[datetime, int]] = {}
            for nth, (survey_id, who, owner, at, nps) in enumerate(self._answers):
                person: object = owner if is_by_person else who and min(profile_of[who])
                one = (survey_id, self._calendar.week_of(at), ("nobody", nth) if person is None else person)
                latest[one] = max(latest.get(one, (at, nps)), (at, nps))
            scores: dict[tuple[str, date], list[int]] = defaultdict(list)
            for (survey_id, week, _), (_, nps) in latest.items():
                scores[survey_id, week].append(nps)
            for (survey_id, week), given in sorted(scores.items()):
                net = sum(score >= 9 for score in given) - sum(score <= 6 for score in given)
                kpis["nps", "week", week, f"survey={survey_id}"] = (float(net), float(len(given)))
