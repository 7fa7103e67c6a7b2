"""Posts on Mastodon about the brand: by strangers, by customers under a public handle, and by the brand; and
what strangers write about its competitors.

The grumbling follows the stories: about shipping costs all along, about the router until the repair.
"""

from datetime import datetime, timedelta

from journey_platform.demo.calendar import Calendar
from journey_platform.demo.chance import happens, one_of, stream, whole
from journey_platform.demo.marginals import POSITIVE_POSTS
from journey_platform.demo.names import FIRST_NAMES
from journey_platform.demo.people import Cast, plain
from journey_platform.demo.truth import Tally
from journey_platform.demo.walk import PRODUCTS
from journey_platform.demo.words import POSTS
from journey_platform.demo.world import Post

BRAND_TAG = "noordlicht"
BRAND_HANDLE = "noordlicht@social.example"
RIVAL_TAGS = ("kabelwerk", "poolnet")
RIVALS_PER_POST = 0.8
RIVALS_BESIDE = 0.06
"""How many of the posts about the brand name a competitor too."""
POSTS_PER_CUSTOMER = 0.7
"""In 90 days."""
FOLLOWERS = 850
"""When the range begins; one more each day."""
_FIRST_ACCOUNT = 110_000_000_000_000
_FIRST_RIVAL = 120_000_000_000_000
_HOSTS = ("social.example", "toot.example", "mstdn.example")


def posts(seed: int, cast: Cast, calendar: Calendar, tally: Tally) -> list[Post]:
    """All posts of the range, in order of time; a quarter are by customers who have a handle."""
    rng, attention = stream(seed, "social"), stream(seed, "attention")
    count = round(len(cast.customers) * POSTS_PER_CUSTOMER * calendar.length / 90)
    authors = [(c.number, c.handle, c.first_name) for c in cast.customers if c.handle]
    strangers: list[tuple[int, str, str]] = []
    written = []
    for nth in range(count):
        at = calendar.some_time(rng, calendar.day_at(rng.random()))
        if authors and happens(rng, 0.25):
            owner, handle, name = one_of(rng, authors)
        elif strangers and happens(rng, 0.5):
            owner, handle, name = one_of(rng, strangers)
        else:
            name = one_of(rng, FIRST_NAMES)
            handle = f"{plain(name, 'gast')}{nth}@{one_of(rng, _HOSTS)}"
            owner = tally.stranger()
            strangers.append((owner, handle, name))
        kind = "good" if happens(rng, POSITIVE_POSTS) else "bad"
        post = _post(at, nth, handle, name, _filled(kind, rng.random(), rng.random()), owner)
        if happens(rng, 0.03):
            post.edited_at = min(
                at + timedelta(minutes=whole(rng, 2, 90)), calendar.end - timedelta(seconds=1)
            )
        written.append(post)
        tally.mention(at)
        tally.wrote("social", at, "positive" if kind == "good" else "negative")
        tally.is_active(tally.record(owner, ("social_handle", handle)), owner, at)
    for nth, day in enumerate(calendar.days()):
        at = calendar.moment(day, 9 * 3600 + whole(rng, 0, 3600))
        text = _filled("brand", rng.random(), rng.random())
        post = _post(at, count + nth, BRAND_HANDLE, "Noordlicht", text, 0)
        post.is_brand = True
        post.followers = FOLLOWERS + nth
        post.replies, post.boosts, post.favourites = (whole(attention, 0, most) for most in (4, 12, 40))
        tally.posted(at, (post.replies + post.boosts + post.favourites) / post.followers)
        written.append(post)
        tally.exclude("mastodon.statuses.brand")
    return sorted(written, key=lambda post: post.post_id)


def rival_posts(seed: int, written: list[Post], calendar: Calendar, tally: Tally) -> list[Post]:
    """Posts that name a competitor and not the brand, in order of time; some of those `written` name both."""
    rng = stream(seed, "rivals")
    others = [post for post in written if not post.is_brand]
    for post in others:
        tally.named(post.at, "own brand")
        if happens(rng, RIVALS_BESIDE):
            tag = one_of(rng, RIVAL_TAGS)
            post.tags.append(tag)
            post.html = post.html.replace("</p>", f" {_link(tag)}</p>")
            tally.named(post.at, tag)
    found = []
    for nth in range(round(len(others) * RIVALS_PER_POST)):
        at, tag = calendar.some_time(rng, calendar.day_at(rng.random())), one_of(rng, RIVAL_TAGS)
        name = one_of(rng, FIRST_NAMES)
        handle = f"{plain(name, 'gast')}_r{nth}@{one_of(rng, _HOSTS)}"
        text = one_of(rng, POSTS["rival"]).format(tag=tag)
        post = _post(at, len(written) + nth, handle, name, text, 0, tag)
        post.account_id = _FIRST_RIVAL + nth
        found.append(post)
        tally.named(at, tag)
    return sorted(found, key=lambda post: post.post_id)


def _filled(kind: str, which: float, what: float) -> str:
    line = POSTS[kind][int(which * len(POSTS[kind]))]
    return line.format(tag=BRAND_TAG, product=PRODUCTS[int(what * len(PRODUCTS))])


def _link(tag: str) -> str:
    return f'<a href="https://social.example/tags/{tag}" rel="tag">#<span>{tag}</span></a>'


def _post(
    at: datetime, nth: int, handle: str, name: str, text: str, owner: int, tag: str = BRAND_TAG
) -> Post:
    html = text.replace("&", "&amp;").replace(f"#{tag}", _link(tag))
    return Post(
        # A snowflake, as the vendor makes them: milliseconds, then a counter.
        post_id=(int(at.timestamp() * 1000) << 16) | (nth & 0xFFFF),
        at=at,
        account_id=_FIRST_ACCOUNT + (owner if owner >= 0 else 1_000_000 - owner),
        handle=handle,
        display_name=name,
        html=f"<p>{html}</p>",
        language="en",
        tags=[tag],
        is_brand=False,
    )
