"""`journey doctor` names what is wrong and what mends it, and shows no secret."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from journey_platform.cli import main
from journey_platform.demo.vendors.apart import serve_apart
from journey_platform.lake import Lake
from journey_platform.operating import doctor
from journey_platform.tables import QUARANTINE
from tests.deploy.servers import DEPLOY, Postgres, free_port, postgres

SECRET = "canary-secret-of-the-doctor-41d7"


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, str]]:
    with serve_apart(seed=7, customers=40, days=14, last_day=date(2026, 11, 12)) as served:
        yield served.environment


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME on SQLite."""
    home = tmp_path_factory.mktemp("home")
    shutil.copy(DEPLOY / "dagster.yaml", home)
    return home


@pytest.fixture
def environment(
    vendors: dict[str, str], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """A sound installation on SQLite, in which settings can be changed; None removes one."""

    def change(**settings: str | None) -> None:
        for name, value in settings.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    change(
        **vendors,
        DAGSTER_HOME=str(home),
        JOURNEY_ROOT=str(tmp_path / "lake"),
        JOURNEY_ZONE="Europe/Amsterdam",
        JOURNEY_START_DATE="2026-11-12",
        JOURNEY_SOURCES="mastodon,zendesk",
        JOURNEY_PSEUDONYM_KEY=SECRET,
    )
    return change


def told(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = main(["doctor"])
    output = "".join(capsys.readouterr())
    assert SECRET not in output
    assert "Traceback" not in output
    return code, output


def test_a_sound_installation_is_well(
    environment: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    code, output = told(capsys)
    assert (code, "WRONG" in output) == (0, False), output
    for expected in ("Europe/Amsterdam", "zendesk: answers", "SQLite", "migrations: none is due"):
        assert expected in output


@pytest.mark.parametrize(
    ("settings", "wrong", "fix"),
    [
        pytest.param({"JOURNEY_START_DATE": None}, "JOURNEY_START_DATE", "set it for", id="missing setting"),
        pytest.param({"JOURNEY_ZONE": "Europe/Nowhere"}, "no known time zone", "set it for", id="zone"),
        pytest.param({"ZENDESK_TOKEN": None}, "ZENDESK_TOKEN is missing", "set it for", id="missing secret"),
        pytest.param({"ZENDESK_TOKEN": SECRET}, "WRONG  zendesk", "check ZENDESK_TOKEN", id="wrong secret"),
        pytest.param(
            {"MASTODON_BASE_URL": "http://social.example"},
            "WRONG  mastodon",
            "reaches the address",
            id="wrong address",
        ),
        pytest.param({"JOURNEY_NOW": "2026-11-13"}, "stands for the time", "unset JOURNEY_NOW", id="clock"),
        pytest.param({"JOURNEY_ROOT": "/proc/nowhere"}, "not writable", "set it for", id="lake not writable"),
        pytest.param({"JOURNEY_ROOT": "s3://b/l"}, "cannot be read", "JOURNEY_STORAGE_", id="lake away"),
        pytest.param({"DAGSTER_HOME": None}, "DAGSTER_HOME is not set", "point DAGSTER_HOME", id="no home"),
    ],
)
def test_what_is_wrong_is_named_with_its_fix(
    environment: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str | None],
    wrong: str,
    fix: str,
) -> None:
    if settings.get("JOURNEY_ROOT", "/") == "s3://b/l":
        closed = f"http://127.0.0.1:{free_port()}"
        limits = {"JOURNEY_STORAGE_MAX_RETRIES": "0", "JOURNEY_STORAGE_RETRY_TIMEOUT": "1s"}
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1"}
        environment(AWS_ENDPOINT_URL=closed, AWS_ALLOW_HTTP="true", **keys, **limits)
    environment(**settings)
    code, output = told(capsys)
    assert code == 1
    lines = output.splitlines()
    [at] = [n for n, line in enumerate(lines) if line.startswith("WRONG") and wrong in line]
    assert fix in lines[at + 1]


def test_a_lake_that_was_written_in_the_future_tells_of_a_clock_that_went_back(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    lake.replace_days(QUARANTINE, QUARANTINE.empty(), [date(2026, 11, 12)], run_id="r")
    later = int((datetime.now(UTC) + timedelta(hours=2)).timestamp() * 1000)
    [*_, newest] = sorted((tmp_path / "operations" / "quarantine" / "_delta_log").glob("*.json"))
    text = newest.read_text()
    stamp = text.partition('"timestamp":')[2].partition(",")[0]
    newest.write_text(text.replace(f'"timestamp":{stamp}', f'"timestamp":{later}'))
    known = doctor.settings.Settings(
        str(tmp_path), "UTC", date(2026, 1, 1), (), memory_limit="1GB", storage_options={}
    )
    assert [f.subject for f in doctor._lake(known) if f.is_wrong] == ["clock"]


PRODUCTION = DEPLOY / "production" / "dagster.yaml"


@pytest.mark.parametrize(
    ("change", "settings", "subject", "fix"),
    [
        pytest.param(("", ""), {}, None, "", id="sound"),
        pytest.param(
            ("scheme: postgresql+psycopg2", "scheme: postgresql"),
            {},
            "driver",
            "scheme: postgresql+psycopg2",
            id="driver not named",
        ),
        pytest.param(
            ("", ""), {"DAGSTER_PG_PASSWORD": SECRET}, "storage", "DAGSTER_PG_PASSWORD", id="password"
        ),
        pytest.param(("", ""), {"DAGSTER_PG_DB": "nowhere"}, "storage", "create it", id="no database"),
        pytest.param(("", ""), {"DAGSTER_PG_PORT": str(free_port())}, "storage", "start it", id="away"),
        pytest.param(("", ""), {"DAGSTER_PG_HOST": ""}, "storage", "every part", id="not set"),
    ],
)
def test_what_is_wrong_with_the_database_is_named(
    environment: Callable[..., None],
    database: Postgres,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: tuple[str, str],
    settings: dict[str, str],
    subject: str | None,
    fix: str,
) -> None:
    (tmp_path / "dagster.yaml").write_text(PRODUCTION.read_text().replace(*change))
    own = {"DAGSTER_HOME": str(tmp_path), "JOURNEY_STATE": str(tmp_path)}
    environment(**{**database.environment, **own, **settings})
    code, output = told(capsys)
    assert database.environment["DAGSTER_PG_PASSWORD"] not in output
    if subject is None:
        assert code == 0, output
        assert "PostgreSQL answers" in output
    else:
        assert code == 1
        assert f"WRONG  {subject}" in output
        assert fix in output


def test_a_migration_that_is_due_is_named(
    environment: Callable[..., None],
    database: Postgres,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import psycopg2

    shutil.copy(PRODUCTION, tmp_path)
    environment(**database.environment, DAGSTER_HOME=str(tmp_path), JOURNEY_STATE=str(tmp_path))
    told(capsys)
    with psycopg2.connect(
        host="127.0.0.1",
        port=database.environment["DAGSTER_PG_PORT"],
        user="dagster",
        password=database.environment["DAGSTER_PG_PASSWORD"],
        dbname="postgres",
    ) as connection:
        with connection.cursor() as cursor:
            cursor.execute("select version_num from alembic_version")
            [(newest,)] = cursor.fetchall()
            cursor.execute("update alembic_version set version_num = '29a8e9d74220'")
        connection.commit()
        code, output = told(capsys)
        assert (code, "dagster instance migrate" in output) == (1, True)
        with connection.cursor() as cursor:
            cursor.execute("update alembic_version set version_num = %s", (newest,))
