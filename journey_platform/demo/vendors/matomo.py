"""Matomo's Reporting API over the demo's visits: `POST /index.php` with `method=Module.method`.

As the real one: the token counts only in a POST body; errors come with status 200 (401 without access);
columns of the visit log are strings; a day without visits is `[]`; `Live` lists the visit with the latest
last action first, ten by default, and a visit belongs to the day of its last action.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec

from journey_platform.demo.notation import click_id
from journey_platform.demo.vendors import pages
from journey_platform.demo.vendors.matomo_reports import (
    REFERRER_TYPES,
    by_name,
    by_type,
    last_action,
    summary,
    visit_seconds,
)
from journey_platform.demo.vendors.messages import Reply, Request, Vendor, encode, epoch
from journey_platform.demo.world import Action, Visit, World

TOKEN = "demo0matomo0token0demo0matomo000"
SHOP = "https://shop.example"
_EVENTS = {"add_to_cart": ("Ecommerce", "add_to_cart"), "error": ("Error", "error")}
_BROWSERS = (("bot", "Bot"), ("headless", "Headless Chrome"), ("firefox", "Firefox"), ("edg", "Edge"))


class _Problem(Exception):  # noqa: N818 - becomes a reply with status 200
    pass


class Matomo(Vendor):
    """The visits of one site; see the module's docstring."""

    name = "matomo"

    def __init__(self, world: World, as_of: datetime, base_url: str) -> None:
        super().__init__(world, as_of, base_url)
        seen = [visit for visit in world.visits if visit.recorded_at <= as_of]
        log: list[tuple[datetime, int, Visit | msgspec.Raw]] = [
            (last_action(visit), visit.visit_id, visit)
            for visit in seen
            if visit.visit_id not in world.unlisted
        ]
        log.extend((noon, 0, record) for noon, record in self.malformed("visits"))
        log.sort(key=lambda row: row[:2])
        self._log = [row for _, _, row in log]
        self._last_actions = [at for at, _, _ in log]
        first_seen: dict[str, tuple[datetime, int]] = {}
        counts: dict[str, int] = {}
        self._counts: dict[int, int] = {}
        self._first_actions: dict[int, datetime] = {}
        for visit in sorted(seen, key=lambda visit: (visit.actions[0].at, visit.visit_id)):
            first_seen.setdefault(visit.cookie, (visit.actions[0].at, visit.visit_id))
            counts[visit.cookie] = counts.get(visit.cookie, 0) + 1
            self._counts[visit.visit_id] = counts[visit.cookie]
            self._first_actions[visit.visit_id] = first_seen[visit.cookie][0]

    def environment(self) -> dict[str, str]:
        return {
            "MATOMO_BASE_URL": self.base_url,
            "MATOMO_TOKEN": TOKEN,
            "MATOMO_SITE_ID": str(self.world.site_id),
        }

    def refuse(self, status: int) -> Reply:
        if status > 500:
            return Reply(status, b"", "text/html")
        return Reply(status, encode({"result": "error", "message": f"The request failed ({status})."}))

    def period(self, request: Request) -> tuple[datetime, datetime] | None:
        parameters = request.query | request.form
        if "date" not in parameters:
            return None
        try:
            first, last = self._days(parameters)
        except _Problem:
            return None
        return self.day_start(first), self.day_start(last + timedelta(days=1))

    def answer(self, request: Request) -> Reply:
        if request.path not in ("/index.php", "/"):
            return Reply(404, b"<html><body>Not Found</body></html>", "text/html")
        parameters = request.query | request.form
        method = parameters.get("method", "")
        if request.form.get("token_auth") != TOKEN or "token_auth" in request.query:
            message = "No access: the token is missing, not valid, or was not sent in the body of a POST."
            return Reply(401, encode({"result": "error", "message": message}))
        known: dict[str, Callable[[Request, dict[str, str]], Any]] = {
            "Live.getLastVisitsDetails": self._visits_details,
            "VisitsSummary.get": lambda _, p: self._per_day(p, summary),
            "Referrers.getReferrerType": lambda _, p: self._per_day(p, by_type),
            "Referrers.getWebsites": lambda _, p: self._per_day(p, by_name("website")),
            "Referrers.getCampaigns": lambda _, p: self._per_day(p, by_name("campaign")),
            "SitesManager.getSitesWithAtLeastViewAccess": lambda _, __: [self._site()],
        }
        try:
            if method not in known:
                raise _Problem("The method is not available.")
            if not method.startswith("SitesManager.") and parameters.get("idSite") != str(self.world.site_id):
                raise _Problem("An unexpected website was found in the request.")
            return Reply(200, encode(known[method](request, parameters)))
        except _Problem as problem:
            return Reply(200, encode({"result": "error", "message": str(problem)}))

    def _days(self, parameters: dict[str, str]) -> tuple[date, date]:
        first, _, last = parameters["date"].partition(",")
        try:
            return date.fromisoformat(first), date.fromisoformat(last or first)
        except ValueError:
            raise _Problem("The date format must be YYYY-MM-DD.") from None

    def _between(self, first: date, last: date) -> list[Visit | msgspec.Raw]:
        """The visit log of some local days, by the last action, earliest first."""
        start = bisect_left(self._last_actions, self.day_start(first))
        end = bisect_left(self._last_actions, self.day_start(last + timedelta(days=1)))
        return self._log[start:end]

    def _distinct(self, first: date, last: date) -> list[Visit]:
        """The visits that reports count: a row that the log holds twice is one visit."""
        visits = (row for row in self._between(first, last) if isinstance(row, Visit))
        return list({visit.visit_id: visit for visit in visits}.values())

    def _visits_details(self, request: Request, parameters: dict[str, str]) -> list[Any]:
        if "filter_sort_column" in parameters:
            raise _Problem("Sorting by a column is not supported.")
        log = self._between(*self._days(parameters)) if "date" in parameters else self._log
        try:
            since = int(parameters.get("minTimestamp", "0"))
            limit = int(parameters.get("filter_limit", "10"))
            offset = int(parameters.get("filter_offset", "0"))
        except ValueError:
            raise _Problem("A number was expected.") from None
        rows = [
            row
            for row in reversed(log)
            if since == 0 or (isinstance(row, Visit) and epoch(last_action(row)) >= since)
        ]
        page = pages.by_offset(request, rows, offset, pages.granted(request, limit))
        return [self._row(row) if isinstance(row, Visit) else row for row in page]

    def _per_day(self, parameters: dict[str, str], report: Callable[[list[Visit]], Any]) -> Any:
        """The report of the day; of several days, an object keyed by day."""
        if "date" not in parameters or "period" not in parameters:
            raise _Problem("Please specify a value for 'period' and 'date'.")
        first, last = self._days(parameters)
        if parameters["period"] == "range" or (
            parameters["period"] == "day" and "," not in parameters["date"]
        ):
            return report(self._distinct(first, last))
        if parameters["period"] != "day":
            raise _Problem("The period is not supported.")
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return {day.isoformat(): report(self._distinct(day, day)) for day in days}

    def _site(self) -> dict[str, Any]:
        return {
            "idsite": str(self.world.site_id),
            "name": self.world.site_name,
            "main_url": SHOP,
            "ts_created": f"{self.world.first_day.isoformat()} 00:00:00",
            "ecommerce": "1",
            "sitesearch": "1",
            "sitesearch_keyword_parameters": "",
            "sitesearch_category_parameters": "",
            "timezone": self.world.zone,
            "currency": "EUR",
            "exclude_unknown_urls": "0",
            "excluded_ips": "",
            "excluded_parameters": "",
            "excluded_user_agents": "",
            "group": "",
            "type": "website",
            "keep_url_fragment": "0",
            "creator_login": "demo",
            "timezone_name": self.world.zone,
            "currency_name": "Euro",
        }

    def _row(self, visit: Visit) -> dict[str, Any]:
        first, last = visit.actions[0].at, last_action(visit)
        local = first.astimezone(self.zone)
        orders = [action for action in visit.actions if action.kind == "order"]
        carts = [action for action in visit.actions if action.kind == "cart"]
        count = self._counts[visit.visit_id]
        page_views = sum(action.kind == "page_view" for action in visit.actions)
        searches = sum(action.kind == "search" for action in visit.actions)
        events = sum(action.kind in ("event", "error", "add_to_cart") for action in visit.actions)
        browser, system = _software(visit)
        is_campaign = visit.referrer_type == "campaign"
        is_external = visit.referrer_type in ("search", "website", "social")
        _, type_name = REFERRER_TYPES.get(visit.referrer_type, ("1", "Direct Entry"))
        return {
            "idSite": str(self.world.site_id),
            "idVisit": str(visit.visit_id),
            "visitIp": visit.ip,
            "visitorId": visit.cookie,
            "fingerprint": hashlib.md5(f"{visit.cookie}{visit.user_agent}".encode()).hexdigest()[:16],
            "actionDetails": self._actions(visit),
            "goalConversions": "0",
            "siteCurrency": "EUR",
            "siteCurrencySymbol": "€",
            "lastActionTimestamp": epoch(last),
            "siteName": self.world.site_name,
            "serverTimestamp": epoch(last),
            "firstActionTimestamp": epoch(first),
            "userId": visit.user_id,
            "visitorType": "new" if count == 1 else "returning",
            "visitConverted": "1" if orders else "0",
            "visitCount": str(count),
            "visitEcommerceStatus": "ordered" if orders else "abandonedCart" if carts else "none",
            "daysSinceFirstVisit": str((first - self._first_actions[visit.visit_id]).days),
            "secondsSinceFirstVisit": str(epoch(first) - epoch(self._first_actions[visit.visit_id])),
            "visitDuration": str(visit_seconds(visit)),
            "visitDurationPretty": f"{visit_seconds(visit) // 60} min {visit_seconds(visit) % 60}s",
            "searches": str(searches),
            "actions": str(page_views + searches),
            "interactions": str(page_views + searches + events),
            "referrerType": visit.referrer_type,
            "referrerTypeName": type_name,
            "referrerName": visit.campaign_name if is_campaign else visit.referrer_name,
            "referrerKeyword": None,
            "referrerKeywordPosition": None,
            "referrerUrl": f"https://{visit.referrer_name}/" if is_external else "",
            "referrerSearchEngineUrl": None,
            "referrerSocialNetworkUrl": None,
            "languageCode": visit.country_code.lower(),
            "deviceType": visit.device,
            "deviceBrand": "Unknown",
            "deviceModel": f"Generic {visit.device}",
            "operatingSystem": system,
            "operatingSystemName": system,
            "browserFamily": browser,
            "browser": browser,
            "browserName": browser,
            "totalEcommerceRevenue": _money(sum(action.revenue or 0.0 for action in orders)),
            "totalEcommerceConversions": str(len(orders)),
            "totalEcommerceItems": str(sum(action.items for action in orders)),
            "totalAbandonedCartsRevenue": _money(sum(action.revenue or 0.0 for action in carts)),
            "totalAbandonedCarts": str(len(carts)),
            "totalAbandonedCartsItems": str(sum(action.items for action in carts)),
            "events": str(events),
            "country": visit.country_code.upper(),
            "countryCode": visit.country_code.lower(),
            "region": None,
            "city": None,
            "latitude": None,
            "longitude": None,
            "visitLocalTime": local.strftime("%H:%M:%S"),
            "visitLocalHour": str(local.hour),
            "resolution": "unknown" if visit.is_bot else "1920x1080",
            "plugins": "" if visit.is_bot else "cookie",
            "customVariables": [],
            "customDimensions": [{"id": "1", "name": "User agent", "value": visit.user_agent}],
            "campaignId": "",
            "campaignContent": "",
            "campaignKeyword": "",
            "campaignMedium": visit.campaign_medium,
            "campaignName": visit.campaign_name,
            "campaignSource": visit.campaign_source,
            "campaignGroup": "",
            "campaignPlacement": "",
        }

    def _actions(self, visit: Visit) -> list[dict[str, Any]]:
        return [self._action(visit, action, place) for place, action in enumerate(visit.actions)]

    def _action(self, visit: Visit, action: Action, place: int) -> dict[str, Any]:
        url = f"{SHOP}{action.path}"
        timed = {"timestamp": epoch(action.at)}
        if action.kind in ("order", "cart"):
            is_order = action.kind == "order"
            order = {"orderId": action.order_id} if is_order else {}
            return {
                "type": "ecommerceOrder" if is_order else "ecommerceAbandonedCart",
                **order,
                "revenue": _money(action.revenue or 0.0),
                "items": str(action.items),
                "itemDetails": [],
                "title": f"Ordered ({action.order_id})" if is_order else "Abandoned Cart",
                "subtitle": f"€{_money(action.revenue or 0.0)} revenue - {action.items} items",
                **timed,
            }
        common: dict[str, Any] = {
            "url": url,
            "pageTitle": action.title,
            "pageIdAction": str(int.from_bytes(hashlib.md5(url.encode()).digest()[:4], "big")),
            "pageId": str(visit.visit_id * 1000 + place),
        }
        if action.kind == "search":
            kind: dict[str, Any] = {
                "type": "search",
                "siteSearchKeyword": action.title,
                "title": "Site Search",
            }
        elif action.kind == "page_view":
            if place == 0 and visit.referrer_type == "campaign":
                tags = {"mtm_campaign": visit.campaign_name, "mtm_source": visit.campaign_source}
                tags |= {"mtm_medium": visit.campaign_medium}
                tags |= {"mc_eid": click_id(visit.link_of)} if visit.link_of else {}
                common["url"] = f"{url}?{urlencode(tags)}"
            kind = {"type": "action", "title": action.title, "subtitle": common["url"]}
        else:
            category, name = _EVENTS.get(action.kind, ("Feature", action.title))
            kind = {
                "type": "event",
                "eventCategory": category,
                "eventAction": name,
                "eventName": action.title,
            }
            if action.revenue is not None:
                kind["eventValue"] = _money(action.revenue)
        spent = {} if action.dwell_s is None else {"timeSpent": str(action.dwell_s)}
        return {"type": kind["type"], **common, **kind, **spent, "pageviewPosition": str(place + 1), **timed}


def _software(visit: Visit) -> tuple[str, str]:
    """Browser and system as the device detector names them."""
    agent = visit.user_agent
    for mark, name in _BROWSERS:
        if mark in agent.lower():
            browser = name
            break
    else:
        browser = "Chrome" if "Chrome" in agent else "Safari" if "Safari" in agent else "Unknown"
    for mark in ("Android", "iPhone", "iPad", "Windows", "Mac", "Linux"):
        if mark in agent:
            return browser, "iOS" if mark.startswith("iP") else mark
    return browser, "Unknown"


def _money(value: float) -> str:
    return f"{value:g}" if value == round(value) else f"{value:.2f}"
