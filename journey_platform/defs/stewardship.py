"""Jobs for data stewards: decide, and preview. The same as the command line, by key instead of by value.

A run's configuration stays in Dagster's instance, so identifiers are named by key or profile id there, as
`journey identity explain` shows them; never by an address or number.
"""

from collections.abc import Mapping

import dagster as dg
import pyarrow as pa
from pydantic import Field

from journey_platform.defs.jobs import REDERIVE_TAG
from journey_platform.defs.platform import Platform
from journey_platform.identity.decisions import decision
from journey_platform.identity.policy import POLICIES, Policies, with_limit
from journey_platform.stewardship.erasing import Receipt, erase
from journey_platform.stewardship.inputs import keys_of
from journey_platform.stewardship.ledger import decide
from journey_platform.stewardship.preview import preview
from journey_platform.tables import DECISIONS

_SHOWN_KPIS = 50
_TOLD = ("kpi", "day", "dimension", "before", "after")


class Ruling(dg.Config):
    """`action`: link, unlink, block or unblock. `ids`: key:NUMBER or profile ids, two for a pair."""

    action: str
    ids: list[str]


class Decided(Ruling):
    """A ruling with who takes it, and why: no personal data in either."""

    who: str
    why: str


class Erasing(dg.Config):
    """`id`: key:NUMBER or a profile id of the person. `who` decides and `why`: no personal data in either."""

    id: str
    who: str
    why: str


class Change(dg.Config):
    """Rulings to try, and limits as {"email.max_per_profile": 5}; 0 for no limit."""

    rulings: list[Ruling] = Field(default_factory=list)
    limits: dict[str, int] = Field(default_factory=dict)


@dg.op(description="Adds one decision to the ledger; the next run of identity applies it.")
def add_decision(context: dg.OpExecutionContext, config: Decided, platform: Platform) -> None:
    told = decide(
        platform.lake,
        config.action,
        _keys(platform, config.ids),
        who=config.who,
        why=config.why,
        now=platform.now(),
        zone=platform.zone,
    )
    context.log.info("decision %s: %s", told, config.action)


@dg.op(description="Resolves identity with a change, in memory, and tells what would be different.")
def preview_change(context: dg.OpExecutionContext, config: Change, platform: Platform) -> None:
    now = platform.now()
    tried = [
        decision(
            ruling.action,
            _keys(platform, ruling.ids),
            who="preview",
            why="preview",
            decided_at=now,
            day=platform.today(),
        )
        for ruling in config.rulings
    ]
    found = preview(
        platform.lake,
        platform.engine,
        platform.settings,
        secret=platform.pseudonym_key(),
        decisions=pa.concat_tables([DECISIONS.empty(), *tried]),
        policies=_limited(config.limits),
    )
    counts = {f"{e['values']}s": e["counts"] for e in found.events["event"].value_counts().to_pylist()}
    changed = [
        dg.TableRecord({name: str(getattr(k, name)) for name in _TOLD}) for k in found.kpis[:_SHOWN_KPIS]
    ]
    context.add_output_metadata(
        {
            "profiles_before": found.profiles[0],
            "profiles_after": found.profiles[1],
            "days": len(found.days),
            "kpi_values": len(found.kpis),
            **counts,
            **({"kpis": dg.MetadataValue.table(changed)} if changed else {}),
        }
    )


@dg.job(description="Link, unlink, block or unblock identifiers.")
def identity_decision() -> None:
    add_decision()


@dg.op(description="Decides an erasure and carries it out: ledger, every table and day, earlier versions.")
def erase_person(context: dg.OpExecutionContext, config: Erasing, platform: Platform) -> None:
    (key,) = _keys(platform, [config.id])
    receipt = erase(
        platform.lake,
        platform.settings,
        key,
        secret=platform.pseudonym_key(),
        who=config.who,
        why=config.why,
        now=platform.now(),
    )
    context.add_output_metadata(receipt_metadata(receipt))
    if receipt.days:
        context.instance.add_run_tags(context.run_id, {REDERIVE_TAG: f"{receipt.days[0]}/{receipt.days[-1]}"})


@dg.job(description="Erase a person, everywhere and for good. What is computed over their days follows.")
def identity_erase() -> None:
    erase_person()


@dg.job(description="What a decision or another limit would change. Writes nothing.")
def identity_preview() -> None:
    preview_change()


def receipt_metadata(receipt: Receipt) -> dict[str, dg.MetadataValue]:
    """What an erasure removed: nothing in it is personal."""
    shown = ("table", "of_day", "rows_removed", "files_removed", "log_entries_removed")
    rows = [
        dg.TableRecord({name: str(row[name] or "") for name in shown})
        for row in receipt.rows
        if row["rows_removed"] or row["files_removed"]
    ]
    whole = [row for row in receipt.rows if row["files_removed"] is not None]
    return {
        "decision": dg.MetadataValue.text(receipt.decision_id),
        "rows_removed": dg.MetadataValue.int(sum(row["rows_removed"] for row in whole)),
        "files_removed": dg.MetadataValue.int(sum(row["files_removed"] for row in whole)),
        **({"receipt": dg.MetadataValue.table(rows)} if rows else {}),
    }


def _keys(platform: Platform, ids: list[str]) -> list[int]:
    """Raises `ValueError` for an id that is neither a key nor a profile's."""
    if any(":" in text and not text.startswith("key:") for text in ids):
        raise ValueError("name identifiers by key:NUMBER or profile id: a run's configuration is kept")
    found = [
        keys_of(
            text,
            secret=platform.pseudonym_key(),
            spelling=platform.spelling,
            lake=platform.lake,
            sources=platform.settings.sources,
        )
        for text in ids
    ]
    return [key for keys in found for key in keys]


def _limited(limits: Mapping[str, int]) -> Policies:
    policies: Policies = POLICIES
    for name, most in sorted(limits.items()):
        kind, _, limit = name.partition(".")
        policies = with_limit(policies, kind, limit, most or None)
    return policies
