"""The world's days: local days of a zone, and the UTC moments that they begin and end with.

Here belongs what a day is, also where a clock change makes it 23 or 25 hours long.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from journey_platform.demo.chance import Wheel, whole
from journey_platform.demo.marginals import HOURS

_HOUR = Wheel(dict(enumerate(HOURS)))
OPENS_S, CLOSES_S = 8 * 3600 + 1800, 18 * 3600
"""When the help desk opens and closes from Monday to Friday, in seconds of the day."""
DAYS_OFF = frozenset({date(2026, 10, 30), date(2026, 12, 25), date(2027, 1, 1)})
_OFFICE_HOUR = Wheel({hour: weight for hour, weight in enumerate(HOURS) if 8 <= hour < 20})


def opening() -> str:
    """The help desk's hours as journeys.yaml declares them."""
    week = "-".join(str(time(second // 3600, second // 60 % 60))[:5] for second in (OPENS_S, CLOSES_S))
    return f"business_hours: {{week: Mon-Fri {week}, holidays: [{', '.join(map(str, sorted(DAYS_OFF)))}]}}\n"


@dataclass(frozen=True)
class Calendar:
    """The local days `first_day` to `last_day` (both included) of `zone`."""

    zone: ZoneInfo
    first_day: date
    last_day: date

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            raise ValueError(f"the last day {self.last_day} lies before the first day {self.first_day}")

    def moment(self, day: date, second: int) -> datetime:
        """`second` seconds after the local midnight that begins `day`, by the wall clock, in UTC."""
        wall = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(seconds=second)
        return wall.astimezone(UTC)

    @property
    def start(self) -> datetime:
        return self.moment(self.first_day, 0)

    @property
    def end(self) -> datetime:
        """The first moment after the last day."""
        return self.moment(self.last_day + timedelta(days=1), 0)

    @property
    def length(self) -> int:
        return (self.last_day - self.first_day).days + 1

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def day_of(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def week_of(self, moment: datetime) -> date:
        """The Monday of the local week that `moment` lies in."""
        day = self.day_of(moment)
        return day - timedelta(days=day.weekday())

    def days(self) -> Iterator[date]:
        return (self.first_day + timedelta(days=offset) for offset in range(self.length))

    def open_s(self, begin: datetime, end: datetime) -> float:
        """Seconds between two moments in which the help desk was open."""
        day, total = self.day_of(begin), 0.0
        while day <= self.day_of(end):
            if day.weekday() < 5 and day not in DAYS_OFF:
                since, until = max(begin, self.moment(day, OPENS_S)), min(end, self.moment(day, CLOSES_S))
                total += max(0.0, (until - since).total_seconds())
            day += timedelta(days=1)
        return total

    def clock_changes(self) -> Iterator[datetime]:
        """The moments in the range at which the zone's clocks are put forward or back."""
        hour = timedelta(hours=1)
        for day in self.days():
            at, end = self.moment(day, 0), self.moment(day + timedelta(days=1), 0)
            while at < end:
                if at.astimezone(self.zone).utcoffset() != (at + hour).astimezone(self.zone).utcoffset():
                    yield at + hour
                at += hour

    def day_at(self, share: float) -> date:
        """The day that lies at `share` (0 to 1) of the range."""
        return self.first_day + timedelta(days=min(int(share * self.length), self.length - 1))

    def some_time(self, rng: Random, day: date, *, is_office_hours: bool = False) -> datetime:
        """A moment of `day`, busier at the hours when people are awake."""
        hour = (_OFFICE_HOUR if is_office_hours else _HOUR).spin(rng)
        return self.moment(day, hour * 3600 + whole(rng, 0, 3599))
