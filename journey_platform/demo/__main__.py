"""The demo: the company is served and drops its files, is read through the connectors, scored against its
truth, and shown.

JOURNEY_DEMO_DAYS (90), JOURNEY_DEMO_CUSTOMERS (2000) and JOURNEY_DEMO_SEED (7) say how large it is,
JOURNEY_DEMO_HOME (.demo) where it lives, JOURNEY_DEMO_PORT (3000) where the UI listens and, on the six ports
above it, the vendors; JOURNEY_DEMO_UI=0 skips the UI.
"""

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.registry import CONNECTORS, FILES, connector_of
from journey_platform.demo.company import build_world
from journey_platform.demo.filing import drop
from journey_platform.demo.scorecard import score_identity, score_kpis
from journey_platform.demo.vendors.apart import serve_apart
from journey_platform.demo.world import World
from journey_platform.sources import archive_of
from journey_platform.tables import Table

ZONE = "Europe/Amsterdam"
_REPOSITORY = Path(__file__).resolve().parents[2]


def main() -> None:
    """Run the whole demo."""
    days = int(os.environ.get("JOURNEY_DEMO_DAYS", "90"))
    customers = int(os.environ.get("JOURNEY_DEMO_CUSTOMERS", "2000"))
    seed = int(os.environ.get("JOURNEY_DEMO_SEED", "7"))
    port = int(os.environ.get("JOURNEY_DEMO_PORT", "3000"))
    home = Path(os.environ.get("JOURNEY_DEMO_HOME", ".demo")).absolute()
    last_day = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    first_day = last_day - timedelta(days=days - 1)

    shutil.rmtree(home, ignore_errors=True)
    for part in ("dagster", "files"):
        (home / part).mkdir(parents=True)
    # The outage below is retried many times; the run's checks say what came of it.
    logging.getLogger("connectors").setLevel(logging.ERROR)
    shutil.copy(_REPOSITORY / "deploy" / "dagster.yaml", home / "dagster")
    world = build_world(seed=seed, customers=customers, first_day=first_day, last_day=last_day, zone=ZONE)
    say(f"{world.site_name}: {customers} customers, {first_day} to {last_day}, from six vendors and files")
    drop(world, home / "files")
    with serve_apart(seed=seed, customers=customers, days=days, last_day=last_day, port=port + 1) as served:
        environment = {**served.environment, **platform_settings(home, first_day)}
        os.environ.update(environment)
        (home / "env").write_text("".join(f"{name}={value}\n" for name, value in environment.items()))

        feeds = [archive_of(FILES, stream) for stream in connector_of(FILES).streams]
        run("dropped", first_day, last_day, only=feeds)
        run("daily", first_day, last_day)
        for outage in world.outages:
            say(f"{outage.vendor} was down on {outage.day}: that day is held, the others went through")
            served.lift_outage(outage.vendor)
            run("daily", outage.day, outage.day)
        report(home, world)
        if os.environ.get("JOURNEY_DEMO_UI", "1") != "0":
            show(port)


def platform_settings(home: Path, first_day: date) -> dict[str, str]:
    """The platform's own settings for a demo that lives in `home`."""
    return {
        "DAGSTER_HOME": str(home / "dagster"),
        "JOURNEY_ROOT": str(home / "lake"),
        "JOURNEY_SOURCES": ",".join((*CONNECTORS, FILES)),
        "JOURNEY_FILES": str(home / "files"),
        "JOURNEY_ZONE": ZONE,
        "JOURNEY_START_DATE": first_day.isoformat(),
        "JOURNEY_PSEUDONYM_KEY": "the demo's key is no secret",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }


def run(job: str, first_day: date, last_day: date, *, only: Sequence[Table] = ()) -> None:
    """Run a job over a range of days, as a backfill does, in this process; `only` for some of its tables."""
    import dagster as dg

    from journey_platform.definitions import defs
    from journey_platform.run_tags import range_tags

    started = time.monotonic()
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(table.key) for table in only] or None,
            tags=range_tags(first_day, last_day),
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            raise_on_error=False,
        )
    days = (last_day - first_day).days + 1
    outcome = "succeeded" if result.success else "failed"
    say(f"job {job} over {days} days {outcome} in {time.monotonic() - started:.0f} s")
    for check in result.get_asset_check_evaluations():
        if not check.passed:
            say(f"  check failed: {check.asset_key.to_user_string()} {check.check_name}")
    if not result.success:
        sys.exit(1)


def report(home: Path, world: World) -> None:
    """Print the KPIs and how far each is from the truth."""
    from journey_platform.kpis.catalogue import KPIS
    from journey_platform.lake import Lake

    lake = Lake(str(home / "lake"))
    say(f"\n{'KPI':<32}{'values':>8}{'equal':>8}{'largest difference':>20}")
    for score in score_kpis(lake, world.truth.kpis_with_files, world.first_day):
        say(f"{score.kpi:<32}{score.compared:>8}{score.equal:>8}{score.largest_difference:>20g}")
    told = {kpi for kpi, _, day, _ in world.truth.kpis_with_files if day >= world.first_day}
    untold = ", ".join(sorted(KPIS.keys() - told)) or "none"
    say(f"\n{len(told)} of {len(KPIS)} KPIs have something to tell; without, and so zero or null: {untold}")
    identity = score_identity(lake, world.truth)
    say(
        f"\nprofiles: {identity.profiles_equal} of {identity.profiles_expected} equal the truth; "
        f"pairs of identifiers: precision {identity.precision:.4f}, recall {identity.recall:.4f}\n"
    )


def show(port: int) -> None:
    """Leave the Dagster UI running until it is stopped."""
    say(f"Dagster UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
    command = ["dagster", "dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1"]
    with subprocess.Popen([sys.executable, "-m", *command, "--port", str(port)], cwd=_REPOSITORY) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            process.wait()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
