"""The channel a visit came through: ordered rules over campaign medium and referrer type.

The first rule that fits wins. The channels are those of Google Analytics 4's default channel group as far as
medium and referrer tell; it also looks at the source, by lists of sites.
"""

import re

_BY_MEDIUM = tuple(
    (channel, re.compile(medium))
    for channel, medium in (
        ("Email", r"e[-_ ]?mail|newsletter"),
        ("SMS", r"sms$"),
        ("Paid Social", r"(paid|cpc|cpm|ppc)[-_ ]?social|social[-_ ]?(paid|cpc|cpm|ads?)"),
        ("Paid Search", r"(cpc|ppc|paid|(paid|cpc|ppc)[-_ ]?search)$"),
        ("Display", r"display|banner|interstitial|expandable|cpm$"),
        ("Affiliates", r"affiliate"),
        ("Paid Other", r"paid|cpa$|cpv$|retargeting"),
        ("Organic Social", r"social|sm$"),
        ("Organic Search", r"organic$"),
        ("Referral", r"(referral|app|link)$"),
    )
)
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
        return next((channel for channel, begins in _BY_MEDIUM if begins.match(word)), "Other")
    return _BY_REFERRER.get(referrer_type or "", "Other")
