"""The assets of `customers`: the identity graph and the profiles. Whole tables, rewritten on change."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from journey_platform.defs import checks
from journey_platform.defs.describe import asset_key, report_table, spec, whole_assets
from journey_platform.defs.matching import matching_assets
from journey_platform.defs.organizations import keeps_organizations
from journey_platform.defs.platform import Platform
from journey_platform.defs.whole import Whole, unless_standing
from journey_platform.identity.changes import events, redirects
from journey_platform.identity.households import households
from journey_platform.identity.resolve import Resolution, resolve
from journey_platform.landing.ledger import gate_of
from journey_platform.landing.publish import publish_whole
from journey_platform.profiles.accounts import accounts
from journey_platform.profiles.profiles import profiles
from journey_platform.profiles.survivorship import survivors
from journey_platform.quality.suites import suite_of
from journey_platform.stewardship.inputs import contact_tables, further, seen, touchpoint_tables
from journey_platform.stewardship.ledger import ledger
from journey_platform.tables import (
    ACCOUNT_MEMBERS_TABLE,
    ACCOUNTS_TABLE,
    DECISIONS,
    HOUSEHOLDS_TABLE,
    IDENTIFIERS_TABLE,
    IDENTITY_EVENTS,
    LINKS_TABLE,
    ORGANIZATION_MEMBERS,
    ORGANIZATIONS,
    PROBABILISTIC_LINKS,
    PROFILE_ATTRIBUTES_TABLE,
    PROFILE_REDIRECTS,
    PROFILES_TABLE,
)


def customer_assets(
    sources: Sequence[str], *, has_probabilistic_links: bool = False
) -> list[dg.AssetsDefinition]:
    """Identity, then profiles, then accounts."""
    contacts = contact_tables(sources)
    kept = [ORGANIZATIONS, ORGANIZATION_MEMBERS] if keeps_organizations(sources) else []
    seen_in = [*touchpoint_tables(sources), *contacts]
    if has_probabilistic_links:
        seen_in.append(PROBABILISTIC_LINKS)
    of_identity = {
        IDENTIFIERS_TABLE: "Who belongs to whom. A function of the set of records, not of their order.",
        LINKS_TABLE: "Every accepted and every refused link, with the reason.",
        PROFILE_REDIRECTS: "Whoever kept an id finds the profile again.",
        IDENTITY_EVENTS: "What changed about who is who, when it was found, and why.",
    }
    guard = suite_of(PROFILES_TABLE)

    @whole_assets(
        "customers",
        "identity",
        specs=[
            spec(table, group="customers", deps=[*seen_in, DECISIONS], note=note)
            for table, note in of_identity.items()
        ],
    )
    def identity(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult]:
        made = (PROFILE_REDIRECTS, LINKS_TABLE, IDENTIFIERS_TABLE)
        whole = Whole(context, platform, made, reads=[*seen_in, DECISIONS])
        if standing := whole.standing():
            yield from standing
            yield dg.MaterializeResult(asset_key=asset_key(IDENTITY_EVENTS))
            return
        resolution = resolve(
            seen(platform.lake, sources),
            secret=platform.pseudonym_key(),
            evidence=further(platform.lake, platform.settings, secret=platform.pseudonym_key()),
            decisions=ledger(platform.lake),
            spelling=platform.spelling,
        )
        yield from _kept(platform, whole, resolution)

    @whole_assets(
        "customers",
        "profiles",
        specs=[
            spec(
                PROFILES_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contacts],
                note="Ids stay the same over rebuilds. Attributes are chosen by declared survivorship rules.",
            ),
            spec(
                PROFILE_ATTRIBUTES_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contacts],
                note="The provenance of every attribute that a profile shows.",
            ),
            spec(
                HOUSEHOLDS_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, LINKS_TABLE],
                note="What is shared joins nobody; here it says who may live together.",
            ),
        ],
        check_specs=checks.rule_specs(PROFILES_TABLE, guard),
    )
    def unified(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[dg.MaterializeResult]:
        lake, today = platform.lake, platform.today()
        whole = Whole(
            context,
            platform,
            (PROFILES_TABLE, PROFILE_ATTRIBUTES_TABLE, HOUSEHOLDS_TABLE),
            reads=[IDENTIFIERS_TABLE, LINKS_TABLE, *contacts],
            more=[today, guard.version],
        )
        gate = gate_of(lake, PROFILES_TABLE, guard, (), stands_on=today)
        if standing := whole.standing():
            gate.keep([today])
            judged, *others = standing
            yield judged._replace(check_results=checks.rule_results(PROFILES_TABLE, guard, gate.verdicts))
            yield from others
            return
        identifiers = lake.read(IDENTIFIERS_TABLE)
        attributes = survivors(
            (lake.read(table) for table in contacts),
            identifiers,
            secret=platform.pseudonym_key(),
            spelling=platform.spelling,
        )
        people = profiles(identifiers, attributes)
        written = publish_whole(
            lake,
            PROFILES_TABLE,
            people,
            gate,
            run_id=whole.run_id,
            today=today,
            made_with=whole.made_with,
        )
        results = checks.rule_results(PROFILES_TABLE, guard, gate.verdicts)
        if written is None:
            raise dg.Failure(f"customers/profiles is held: {next(iter(gate.verdicts.values())).reason}")
        known = people.num_rows - _count_false(people["is_known"])
        yield report_table(PROFILES_TABLE, written, {"known_customers": known}, check_results=results)
        yield whole.write(PROFILE_ATTRIBUTES_TABLE, attributes)
        yield whole.write(HOUSEHOLDS_TABLE, households(identifiers, lake.read(LINKS_TABLE)))

    @whole_assets(
        *ACCOUNTS_TABLE.key,
        specs=[
            spec(
                ACCOUNTS_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contacts, *kept],
                note="Told by company names, vendors' organisations, and mail domains that these vouch for.",
            ),
            spec(
                ACCOUNT_MEMBERS_TABLE,
                group="customers",
                deps=[IDENTIFIERS_TABLE, *contacts, *kept],
                note="The role follows from the job title by declared words; the statement stands beside it.",
            ),
        ],
    )
    @unless_standing(ACCOUNTS_TABLE, ACCOUNT_MEMBERS_TABLE, reads=[IDENTIFIERS_TABLE, *contacts, *kept])
    def companies(platform: Platform, whole: Whole) -> Iterator[dg.MaterializeResult]:
        lake = platform.lake
        found = accounts(
            (lake.read(table) for table in contacts),
            lake.read(IDENTIFIERS_TABLE),
            lake.read(ORGANIZATIONS),
            lake.read(ORGANIZATION_MEMBERS),
            secret=platform.pseudonym_key(),
            spelling=platform.spelling,
        )
        of_companies, members = found
        roles = members["role"].value_counts().to_pylist()
        counts = {f"role_{entry['values'] or 'untold'}": entry["counts"] for entry in roles}
        yield whole.write(ACCOUNTS_TABLE, of_companies)
        yield whole.write(ACCOUNT_MEMBERS_TABLE, members, counts)

    @whole_assets(
        *DECISIONS.key,
        specs=[
            spec(
                DECISIONS,
                group="customers",
                note="Written by `journey identity`; every run of identity applies all of it.",
            )
        ],
    )
    def decided(platform: Platform) -> dg.MaterializeResult:
        taken = ledger(platform.lake)
        counts = {entry["values"]: entry["counts"] for entry in taken["action"].value_counts().to_pylist()}
        metadata = {"dagster/row_count": taken.num_rows, **counts}
        return dg.MaterializeResult(asset_key=asset_key(DECISIONS), metadata=metadata)

    matched = matching_assets(sources) if has_probabilistic_links else []
    return [decided, *matched, identity, unified, companies]


def _kept(platform: Platform, whole: Whole, found: Resolution) -> Iterator[dg.MaterializeResult]:
    """Write a resolution and what it changed; the identifiers last, so that an interrupted run tells anew."""
    lake, now, today = platform.lake, platform.now(), platform.today()
    before, version = lake.read(IDENTIFIERS_TABLE), lake.version(IDENTIFIERS_TABLE) or 0
    told = events(before, found.identifiers, found.links, version=version, now=now, day=today)

    def with_told(_: date, rows: pa.Table) -> pa.Table:
        return pa.concat_tables([rows.filter(pc.not_equal(rows["version"], version)), told])

    lake.rewrite_days(IDENTITY_EVENTS, [today], with_told, run_id=whole.run_id)
    counts = {f"{entry['values']}s": entry["counts"] for entry in told["event"].value_counts().to_pylist()}
    yield dg.MaterializeResult(asset_key=asset_key(IDENTITY_EVENTS), metadata=counts)
    moved = redirects(lake.read(PROFILE_REDIRECTS), before, found.identifiers, now=now)
    yield whole.write(PROFILE_REDIRECTS, moved)
    yield whole.write(LINKS_TABLE, found.links, {"links_refused": _count_false(found.links["is_accepted"])})
    status = found.identifiers["status"].value_counts().to_pylist()
    yield whole.write(
        IDENTIFIERS_TABLE,
        found.identifiers,
        {
            "identity_revision": found.revision,
            **{f"identifiers_{entry['values']}": entry["counts"] for entry in status},
        },
        cursor=found.revision,
    )


def _count_false(column: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.invert(column)).as_py() or 0)
