"""The truth of reviews: stars by week and month; a part of the `truth`."""

from collections import defaultdict
from datetime import date

from journey_platform.demo.reckoning import Key, Log, Parts, start_of


def stars(log: Log) -> dict[Key, Parts]:
    """How many stars reviews give, and how many give one."""
    given: dict[tuple[str, date, str], list[int]] = defaultdict(list)
    for day, site, amount in log.reviews:
        for kind in ("week", "month"):
            for dimension in ("all", f"platform={site}"):
                given[kind, start_of(day, kind), dimension].append(amount)
    found: dict[Key, Parts] = {}
    for key, amounts in given.items():
        n = float(len(amounts))
        found["review_rating", *key] = found["review_rating_shrunk", *key] = float(sum(amounts)), n
        found["review_one_star", *key] = float(amounts.count(1)), n
    return found
