"""The channel a visit came through: ordered rules over campaign medium and referrer type.

The first rule that fits wins. The channels are those of the usual default channel group of web analytics.
"""

CHANNELS = (
    "Email",
    "Paid Search",
    "Organic Social",
    "Display",
    "Affiliates",
    "Organic Search",
    "Referral",
    "Direct",
    "Other",
)

_BY_MEDIUM: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Email", ("email", "e-mail", "newsletter")),
    ("Paid Search", ("cpc", "ppc", "paid")),
    ("Organic Social", ("social", "sm")),
    ("Display", ("display", "banner", "cpm")),
    ("Affiliates", ("affiliate",)),
)
_EXACT_MEDIA = frozenset({"sm", "cpc", "ppc", "cpm"})
_BY_REFERRER = {
    "search": "Organic Search",
    "social": "Organic Social",
    "website": "Referral",
    "direct": "Direct",
}


def traffic_channel(referrer_type: str | None, campaign: str | None, medium: str | None) -> str:
    """The channel of a visit. A campaign, by its name, medium or referrer type, goes before the referrer."""
    if campaign or medium or referrer_type == "campaign":
        word = (medium or "").strip().lower()
        for channel, starts in _BY_MEDIUM:
            if any(word == start if start in _EXACT_MEDIA else word.startswith(start) for start in starts):
                return channel
        return "Other"
    return _BY_REFERRER.get(referrer_type or "", "Other")
