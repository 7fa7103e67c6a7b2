"""What the shop sells, and what lies in a basket. Where and to whom it is sold is in `commerce`."""

from random import Random

from journey_platform.demo.chance import Wheel, happens
from journey_platform.demo.world import Item

_SHELF = {
    "Phone": 0.25,
    "Router": 0.2,
    "Headset": 0.2,
    "Screen": 0.15,
    "Mesh point": 0.12,
    "Webcam": 0.08,
}
_ANOTHER = 0.35
_SEAT = "Reporting seat, one year"


def basket(rng: Random, total: float) -> list[Item]:
    """Different products, one of each, whose prices come to the total."""
    shelf = Wheel(_SHELF)
    titles = [shelf.spin(rng)]
    while len(titles) < len(_SHELF) and happens(rng, _ANOTHER):
        titles += [title for title in [shelf.spin(rng)] if title not in titles]
    shares = [1 + rng.random() for _ in titles]
    cents = [int(100 * total * share / sum(shares)) for share in shares[1:]]
    return [
        Item(title, amount / 100, 1)
        for title, amount in zip(titles, [round(100 * total) - sum(cents), *cents], strict=True)
    ]


def seats_sold(seats: int, price: float) -> list[Item]:
    return [Item(_SEAT, price, seats)]
