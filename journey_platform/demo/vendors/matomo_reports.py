"""Matomo's reports of a day, counted from its visits: VisitsSummary and Referrers."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from journey_platform.demo.vendors.messages import epoch
from journey_platform.demo.world import Visit

REFERRER_TYPES = {
    "direct": ("1", "Direct Entry"),
    "search": ("2", "Search Engines"),
    "website": ("3", "Websites"),
    "campaign": ("6", "Campaigns"),
    "social": ("7", "Social Networks"),
}


def last_action(visit: Visit) -> datetime:
    """When the visit's last action began: what Matomo sorts visits by, and finds their day with."""
    return visit.actions[-1].at


def visit_seconds(visit: Visit) -> int:
    """From the first action to the end of the last one."""
    ended = epoch(last_action(visit)) + (visit.actions[-1].dwell_s or 0)
    return ended - epoch(visit.actions[0].at)


def summary(visits: list[Visit]) -> Any:
    """The VisitsSummary report of some visits; `[]` when there are none."""
    if not visits:
        return []
    report = _counts(visits)
    bounces, length = report["bounce_count"], report["sum_visit_length"]
    return {
        "nb_uniq_visitors": report["nb_uniq_visitors"],
        "nb_users": report["nb_users"],
        "nb_visits": len(visits),
        "nb_actions": report["nb_actions"],
        "nb_visits_converted": report["nb_visits_converted"],
        "bounce_count": bounces,
        "sum_visit_length": length,
        "max_actions": report["max_actions"],
        "bounce_rate": f"{round(100 * bounces / len(visits))}%",
        "nb_actions_per_visit": round(report["nb_actions"] / len(visits), 1),
        "avg_time_on_site": round(length / len(visits)),
    }


def _counts(visits: list[Visit]) -> dict[str, Any]:
    actions = [sum(a.kind not in ("order", "cart") for a in visit.actions) for visit in visits]
    return {
        "nb_uniq_visitors": len({visit.cookie for visit in visits}),
        "nb_visits": len(visits),
        "nb_actions": sum(actions),
        "nb_users": len({visit.user_id for visit in visits if visit.user_id}),
        "max_actions": max(actions),
        "sum_visit_length": sum(visit_seconds(visit) for visit in visits),
        "bounce_count": sum(count <= 1 for count in actions),
        "nb_visits_converted": sum(any(a.kind == "order" for a in visit.actions) for visit in visits),
    }


def _grouped(visits: list[Visit], label: Callable[[Visit], str]) -> list[tuple[str, list[Visit]]]:
    groups: dict[str, list[Visit]] = {}
    for visit in visits:
        groups.setdefault(label(visit), []).append(visit)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def by_type(visits: list[Visit]) -> list[dict[str, Any]]:
    """The rows of Referrers.getReferrerType."""
    rows = []
    for kind, members in _grouped(visits, lambda visit: visit.referrer_type):
        number, label = REFERRER_TYPES.get(kind, ("1", "Direct Entry"))
        segment = f"referrerType=={kind}"
        rows.append({"label": label, **_counts(members), "segment": segment, "referrer_type": number})
    return rows


def by_name(kind: str) -> Callable[[list[Visit]], list[dict[str, Any]]]:
    """The report of one referrer type's names: websites or campaigns."""

    def name(visit: Visit) -> str:
        return visit.campaign_name if kind == "campaign" else visit.referrer_name

    def report(visits: list[Visit]) -> list[dict[str, Any]]:
        groups = _grouped([visit for visit in visits if visit.referrer_type == kind], name)
        return [
            {"label": label, **_counts(rows), "segment": f"referrerType=={kind};referrerName=={label}"}
            for label, rows in groups
        ]

    return report
