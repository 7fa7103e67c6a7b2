"""What guards single streams of the vendors, by table. The others have what all archives share."""

from journey_platform.quality.rules import Reference, holds, is_between, is_one_of, is_present, matches
from journey_platform.quality.suites.raw import Stream, kind_of, number_in
from journey_platform.quality.verdict import ERROR, WARN

_ADDRESS = r"^[^@\s]+@[^@\s]+$"
_LINK = r"^https?://"
# A list of domains as JSON writes it; of anything but a list another rule speaks.
_DOMAINS = r'^(?!\[)|^\[("[^"@\s/.]+(\.[^"@\s/.]+)+",?)*\]$'
_MONEY_MOST = 1_000_000

_SCORES = tuple(
    f"{score}{comment}" for score in ("good", "bad") for comment in ("", "_with_comment", "_without_comment")
)

_OF_THE_SITE = (Reference("site_known", "$.idSite", "raw/matomo/sites", "$.idsite", ERROR),)
_OF_A_MAILING = (
    Reference("mailing_known", "$.campaign_id", "raw/mailchimp/campaigns", "$.id"),
    Reference("member_known", "$.email_id", "raw/mailchimp/members", "$.id"),
)
_OF_A_TICKET = (Reference("ticket_known", "$.ticket_id", "raw/zendesk/tickets", "$.id"),)


def _every_membership(name: str, kind: str) -> str:
    """SQL for whether a field of each of a user's memberships has a JSON type."""
    typed = f"len(list_filter(json_type(body, '$.memberships[*].{name}'), lambda told: told = '{kind}'))"
    return f"case when json_valid(body) then {typed} = json_array_length(body, '$.memberships') end"


STREAMS: dict[str, Stream] = {
    "raw/matomo/visits": Stream(
        fields={
            "visitor": "$.visitorId",
            "actions": "$.actionDetails",
            "device": "$.deviceType",
            "referrer": "$.referrerType",
            "revenue": "$.totalEcommerceRevenue",
        },
        columns={"actions_kind": kind_of("$.actionDetails"), "revenue_number": number_in("revenue")},
        rules=(
            is_present("visitor_known", "visitor", WARN),
            is_present("actions_listed", "actions"),
            is_one_of("actions_are_a_list", "actions_kind", ("ARRAY", "NULL"), WARN),
            is_between("revenue_sane", "revenue_number", 0, _MONEY_MOST),
        ),
        categories=("device", "referrer"),
        references=_OF_THE_SITE,
    ),
    "raw/matomo/visits_summary": Stream(
        fields={"visits": "$.nb_visits"},
        columns={"visits_number": number_in("visits")},
        rules=(is_present("visits_given", "visits"), is_between("visits_counted", "visits_number", 0, None)),
        references=_OF_THE_SITE,
    ),
    "raw/matomo/referrers": Stream(
        fields={"visits": "$.nb_visits", "label": "$.label"},
        columns={"visits_number": number_in("visits")},
        rules=(is_present("label_given", "label"), is_between("visits_counted", "visits_number", 0, None)),
        references=_OF_THE_SITE,
    ),
    "raw/mailchimp/members": Stream(
        fields={"status": "$.status", "address": "$.email_address"},
        rules=(
            is_present("status_given", "status"),
            is_one_of(
                "status_known",
                "status",
                ("subscribed", "unsubscribed", "cleaned", "pending", "transactional", "archived"),
            ),
            is_present("address_given", "address", WARN),
            matches("address_like", "address", _ADDRESS, WARN),
        ),
        references=(Reference("list_known", "$.list_id", "raw/mailchimp/lists", "$.id"),),
    ),
    "raw/mailchimp/email_activity": Stream(
        fields={
            "action": "$.action",
            "campaign": "$.campaign_id",
            "address": "$.email_address",
            "url": "$.url",
        },
        rules=(
            is_present("action_given", "action"),
            is_one_of("action_known", "action", ("open", "click", "bounce")),
            is_present("campaign_given", "campaign", WARN),
            matches("address_like", "address", _ADDRESS, WARN),
            matches("url_like", "url", _LINK, WARN),
        ),
        is_steady=False,
        references=_OF_A_MAILING,
    ),
    "raw/mailchimp/reports": Stream(
        fields={"emails_sent": "$.emails_sent", "sent_at": "$.send_time"},
        columns={"emails_sent_number": number_in("emails_sent")},
        rules=(
            is_present("emails_sent_given", "emails_sent"),
            is_between("emails_sent_counted", "emails_sent_number", 0, None),
            matches("sent_at_like", "sent_at", r"^\d{4}-\d\d-\d\dT", WARN),
        ),
        references=(Reference("mailing_known", "$.id", "raw/mailchimp/campaigns", "$.id"),),
    ),
    "raw/mailchimp/unsubscribes": Stream(
        fields={"campaign": "$.campaign_id"},
        rules=(is_present("campaign_given", "campaign", WARN),),
        is_steady=False,
        references=_OF_A_MAILING,
    ),
    "raw/zendesk/tickets": Stream(
        fields={"status": "$.status", "requester": "$.requester_id", "created": "$.created_at"},
        columns={"requester_kind": kind_of("$.requester_id")},
        rules=(
            is_present("status_given", "status"),
            is_one_of(
                "status_known",
                "status",
                ("new", "open", "pending", "hold", "solved", "closed", "deleted"),
            ),
            is_present("requester_present", "requester", WARN),
            is_one_of("requester_is_a_number", "requester_kind", ("UBIGINT", "BIGINT", "NULL"), WARN),
            matches("created_like", "created", r"^\d{4}-\d\d-\d\dT", WARN),
        ),
        references=(Reference("requester_known", "$.requester_id", "raw/zendesk/users", "$.id"),),
    ),
    "raw/zendesk/users": Stream(
        fields={"address": "$.email", "role": "$.role"},
        rules=(
            matches("address_like", "address", _ADDRESS, WARN),
            is_one_of("role_known", "role", ("end-user", "agent", "admin"), WARN),
        ),
        references=(
            Reference("organization_known", "$.organization_id", "raw/zendesk/organizations", "$.id"),
        ),
    ),
    "raw/zendesk/organizations": Stream(
        fields={"name": "$.name", "domains": "$.domain_names"},
        columns={"name_kind": kind_of("$.name"), "domains_kind": kind_of("$.domain_names")},
        rules=(
            is_present("name_given", "name", WARN),
            matches("name_not_blank", "name", r"\S", WARN),
            is_one_of("name_is_text", "name_kind", ("VARCHAR", "NULL")),
            is_one_of("domains_are_a_list", "domains_kind", ("ARRAY", "NULL")),
            matches("domains_like", "domains", _DOMAINS, WARN),
        ),
    ),
    "raw/zendesk/organization_memberships": Stream(
        columns={
            "memberships_kind": kind_of("$.memberships"),
            "organizations": _every_membership("organization_id", "UBIGINT"),
            "changes": _every_membership("updated_at", "VARCHAR"),
            "defaults": "case when json_valid(body) then len(list_filter(json_extract_string(body, "
            "'$.memberships[*].default'), lambda told: told = 'true')) end",
        },
        rules=(
            is_one_of("memberships_are_a_list", "memberships_kind", ("ARRAY",)),
            holds("organizations_given", "organizations"),
            holds("changes_dated", "changes"),
            is_between("one_default", "defaults", 1, 1, WARN),
        ),
        references=(Reference("user_known", "$.user_id", "raw/zendesk/users", "$.id"),),
    ),
    "raw/zendesk/ticket_metric_events": Stream(
        fields={"ticket": "$.ticket_id", "metric": "$.metric", "type": "$.type"},
        rules=(
            is_present("ticket_given", "ticket"),
            is_present("metric_given", "metric"),
            is_present("type_given", "type"),
        ),
        categories=("metric", "type"),
        references=_OF_A_TICKET,
    ),
    "raw/zendesk/satisfaction_ratings": Stream(
        fields={"score": "$.score", "ticket": "$.ticket_id"},
        rules=(
            is_present("score_given", "score"),
            is_one_of("score_known", "score", ("offered", "unoffered", "received", *_SCORES)),
            is_present("ticket_given", "ticket", WARN),
        ),
        references=_OF_A_TICKET,
    ),
    "raw/qualtrics/responses": Stream(
        fields={"progress": "$.progress", "survey": "$.survey_id", "finished": "$.finished"},
        columns={"progress_number": number_in("progress")},
        rules=(
            is_between("progress_in_range", "progress_number", 0, 100),
            is_present("survey_given", "survey"),
            is_one_of("finished_known", "finished", ("0", "1", "true", "false", "True", "False"), WARN),
        ),
        is_steady=False,
        references=(Reference("survey_known", "$.survey_id", "raw/qualtrics/surveys", "$.id"),),
    ),
    "raw/shopify/orders": Stream(
        fields={"total": "$.total_price", "currency": "$.currency", "number": "$.name"},
        columns={"total_number": number_in("total")},
        rules=(
            is_between("total_in_range", "total_number", 0, 1_000_000),
            matches("currency_like", "currency", r"^[A-Z]{3}$"),
            is_present("number_given", "number"),
        ),
    ),
    "raw/mastodon/tag_timelines": Stream(
        fields={"account": "$.account", "url": "$.url"},
        rules=(is_present("account_given", "account", WARN), matches("url_like", "url", _LINK, WARN)),
    ),
}
