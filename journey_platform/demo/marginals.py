"""The measured figures that the demo company's behaviour is drawn from, each with its source.

Only figures stand here, and how to read them; who draws from them is in the modules beside this one. Every
set is public; "simulated" says that its authors simulated it. What no set could tell (the share of Apple Mail
users, the hours of the day, how many customers write under a public handle) is an assumption of ours and
stands under ASSUMED.
"""

from typing import Final

Quantiles = tuple[tuple[float, float], ...]

# -- rete_ecom: simulated web-shop clickstream of the Retentioneering authors, Apache-2.0; 31,106 events,
#    3,605 sessions, 600 users.
WITHIN_VISIT_GAP_S: Final[Quantiles] = ((0.05, 6.0), (0.25, 36.0), (0.5, 86.0), (0.75, 179.0), (0.95, 444.0))
BETWEEN_VISITS_DAYS: Final[Quantiles] = (
    (0.05, 1.274),
    (0.25, 4.981),
    (0.5, 11.223),
    (0.75, 22.452),
    (0.95, 48.844),
)
CUSTOMER_CHANNELS: Final = {
    "Organic Search": 0.3576,
    "Paid Search": 0.2838,
    "Email": 0.1617,
    "Organic Social": 0.1537,
    "Direct": 0.0433,
}
PLATFORMS: Final = {"desktop": 0.5243, "mobile": 0.3592, "tablet": 0.1165}
ENTRY_PAGES: Final = {
    "home": 0.3184,
    "catalog": 0.2524,
    "search": 0.1911,
    "product_view": 0.1343,
    "filter_results": 0.033,
    "add_to_cart": 0.0219,
    "promo_page": 0.0147,
    "account_page": 0.008,
    "wishlist_add": 0.0072,
    "cart": 0.0064,
    "review_page": 0.0053,
    "shipping_details": 0.0028,
    "compare": 0.0022,
    "error_page": 0.0011,
    "support_chat": 0.0006,
    "payment_details": 0.0006,
}

# Chances in ten-thousandths of the next step (columns) after each step (rows); the first column is leaving.
_STEP_COLUMNS: Final = """
(exit) account_page add_to_cart cart catalog checkout_bug compare error_page filter_results home
payment_details payment_error product_view promo_page purchase review_page search shipping_details
support_chat wishlist_add
"""
_STEP_ROWS: Final = """
account_page 1517 167 334 273 2049 0 61 61 698 1153 167 15 1684 197 76 152 986 228 30 152
add_to_cart 981 171 111 1657 1018 59 74 126 438 305 624 67 1999 193 319 89 438 1033 111 186
cart 1030 158 1262 266 839 75 116 150 291 316 980 91 1346 257 598 100 382 1370 174 199
catalog 1052 199 310 187 1685 8 72 83 1029 782 67 11 2575 222 38 98 1124 130 77 250
checkout_bug 909 0 2273 2045 682 227 0 227 455 455 0 0 227 0 227 0 0 1818 0 455
compare 1200 218 582 400 1855 0 36 0 400 400 145 0 3236 145 36 73 727 327 36 182
error_page 1413 0 362 326 1594 0 36 181 797 399 362 36 1667 217 181 290 1341 507 109 181
filter_results 1184 192 268 226 2326 8 77 107 1211 352 65 8 2000 211 27 96 1238 80 65 261
home 811 510 203 203 2657 0 58 80 702 460 51 11 1546 634 22 62 1633 123 36 199
payment_details 2271 169 621 1030 367 14 14 85 183 42 310 324 748 155 1636 56 99 1467 226 183
payment_error 1513 0 672 840 672 0 168 252 336 252 840 336 504 0 84 0 420 840 1933 336
product_view 1099 171 505 353 2048 9 146 76 758 353 142 20 1928 216 77 239 1188 223 80 368
promo_page 1244 188 364 276 1721 0 63 63 729 1357 113 63 2362 113 101 88 641 188 88 239
purchase 3979 128 681 830 298 0 85 85 106 85 1362 43 745 106 0 21 234 979 106 128
review_page 1256 74 320 369 1749 0 25 99 542 419 123 25 3350 99 148 99 714 197 99 296
search 1052 167 294 165 1967 10 65 90 1085 668 52 7 2351 167 27 110 1364 110 37 212
shipping_details 1503 125 793 1388 637 84 63 63 230 219 1524 125 1086 230 1023 52 240 313 177 125
support_chat 1191 253 542 505 903 0 108 72 253 217 830 650 1913 181 108 108 975 722 253 217
wishlist_add 1059 135 406 345 2044 0 74 62 616 419 99 37 2734 209 111 62 911 345 86 246
"""


def _steps() -> dict[str, dict[str, float]]:
    columns = _STEP_COLUMNS.split()
    rows = (line.split() for line in _STEP_ROWS.strip().splitlines())
    return {
        name: {c: int(n) / 10_000 for c, n in zip(columns, numbers, strict=True)} for name, *numbers in rows
    }


NEXT_STEP: Final = _steps()
EXIT: Final = "(exit)"

# -- ga_merchandise_store: Google Analytics sample of the Google Merchandise Store; 38,007 sessions.
ANONYMOUS_CHANNELS: Final = {
    "Organic Search": 0.5179,
    "Referral": 0.1868,
    "Direct": 0.1723,
    "Organic Social": 0.0701,
    "Paid Search": 0.0330,
    "Affiliates": 0.0117,
    "Display": 0.0082,
}
ONE_PAGE_VISITS: Final = {
    "Organic Search": 0.4131,
    "Referral": 0.0735,
    "Direct": 0.3187,
    "Organic Social": 0.6023,
    "Paid Search": 0.0979,
    "Affiliates": 0.0471,
    "Display": 0.2476,
}
ONE_PAGE_VISITS_OVERALL: Final = 0.3306
PAGES_PER_VISIT: Final[Quantiles] = ((0.05, 1.0), (0.25, 1.0), (0.5, 3.0), (0.75, 7.0), (0.95, 19.0))
# Share of all visits that are a visitor's first, second, ... sixth.
VISIT_NUMBERS: Final = (0.7299, 0.1286, 0.0518, 0.0260, 0.0165, 0.0471)

# -- newsletter_email: one charity's twelve newsletters of 2019; 121,819 sends.
OPEN_PROPENSITY_BETA: Final = (0.2442, 1.1852)
OPEN_RATE: Final = 0.1748
CLICK_GIVEN_OPEN: Final = 0.0896
BOUNCE_RATE: Final = 0.00662
UNSUBSCRIBE_RATE: Final = 0.00234

# -- hillstrom_email: K. Hillstrom's e-mail test; 64,000 customers.
MEAN_ORDER_VALUE: Final = 116.36

# -- ticket_logs: help-desk event log (Tax et al. 2017); 3,804 cases, 13,710 events.
CYCLE_DAYS: Final[Quantiles] = ((0.05, 0.003), (0.25, 0.264), (0.5, 3.928), (0.75, 14.198), (0.95, 33.748))
OPENING_WEEKDAYS: Final = (0.1682, 0.2156, 0.2190, 0.2019, 0.1806, 0.0145, 0.0003)

# -- telco_churn: IBM Telco customers (simulated); 7,043 customers.
CONTRACTS: Final = {"monthly": 0.5502, "two years": 0.2407, "one year": 0.2091}
CHURN_BY_CONTRACT: Final = {"monthly": 0.4271, "one year": 0.1127, "two years": 0.0283}

# -- vader_gold: 4,200 tweets, each rated by 20 people.
POSITIVE_POSTS: Final = 0.6898

# -- prepbench_kpi, case 050: answers of 26 people to "would you recommend us", 0 to 10.
NPS_ANSWERS: Final = (1, 2, 4, 1, 1, 1, 2, 4, 3, 3, 4)

# -- ASSUMED: no public set at hand measures these.
COUNTRIES: Final = {"NL": 0.62, "BE": 0.14, "DE": 0.14, "FR": 0.05, "GB": 0.05}
DEVICES_PER_CUSTOMER: Final = {1: 0.6, 2: 0.3, 3: 0.1}
APPLE_MAIL_SHARE: Final = 0.3
HANDLE_SHARE: Final = 0.06
LOGIN_SHARE: Final = 0.45
SHOP_LOGIN_SHARE: Final = 0.5
HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 11, 11, 11, 10, 10, 11, 12, 14, 15, 14, 10, 5)
