"""What can be told of deploy's files without containers or a cluster: that they fit each other."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.servers import DEPLOY, program

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "journey-platform" in service["image"])
INSTANCE = yaml.safe_load((DEPLOY / "production" / "dagster.yaml").read_text())
VALUES = yaml.safe_load((DEPLOY / "helm" / "values.yaml").read_text())
IMAGE_ENVIRONMENT = set(re.findall(r"\b([A-Z][A-Z_]+)=", (DEPLOY / "Dockerfile").read_text()))


def named(told: object) -> set[str]:
    """The environment variables that a configuration asks for."""
    if isinstance(told, dict):
        if set(told) == {"env"}:
            return {told["env"]}
        return set().union(*map(named, told.values())) if told else set()
    return set().union(*map(named, told)) if isinstance(told, list) and told else set()


@pytest.mark.parametrize("service", OURS)
def test_each_part_may_write_nothing_but_its_volumes_and_gain_no_rights(service: str) -> None:
    told = SERVICES[service]
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in told
    assert not any("docker.sock" in volume for volume in told.get("volumes", ()))


@pytest.mark.parametrize("service", OURS)
def test_each_part_gets_what_the_instance_and_the_workspace_ask_for(service: str) -> None:
    workspace = yaml.safe_load((DEPLOY / "production" / "workspace.yaml").read_text())
    asked = named(INSTANCE) | named(workspace)
    assert asked <= set(SERVICES[service]["environment"]) | IMAGE_ENVIRONMENT


def test_compose_itself_reads_the_file(tmp_path: Path) -> None:
    compose = program("docker-compose")
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "deploy" / ".env").write_text(
        (DEPLOY / "env.example").read_text().replace("DAGSTER_PG_PASSWORD=", "DAGSTER_PG_PASSWORD=any")
    )
    shutil.copy(DEPLOY / "journey.env.example", tmp_path / "deploy" / "journey.env")
    (tmp_path / "deploy" / "secrets").mkdir()
    for secret in COMPOSE["secrets"].values():
        (tmp_path / "deploy" / secret["file"]).touch()
    done = subprocess.run(
        [compose, "config"], cwd=tmp_path / "deploy", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


def test_only_the_proxy_can_be_reached_and_only_who_needs_them_has_the_vendors_secrets() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert {name for name, service in SERVICES.items() if "env_file" in service} == {"code", "metrics"}
    assert COMPOSE["networks"]["inner"] == {"internal": True}
    assert [name for name in OURS if SERVICES[name]["networks"] != ["inner"]] == ["code"]


def test_the_database_is_migrated_before_anything_uses_it() -> None:
    def before(name: str) -> set[str]:
        first = SERVICES[name].get("depends_on", {})
        return set(first) | set().union(*map(before, first)) if first else set()

    assert SERVICES["code"]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert all("migrate" in before(name) for name in OURS if name != "migrate")


def test_no_secret_has_a_value_in_a_file() -> None:
    for path in DEPLOY.rglob("*"):
        for name, value in re.findall(r"(\w*(?:PASSWORD|TOKEN|KEY|SECRET))\s*[=:][ \t]*(\S*)", _text(path)):
            assert value.startswith("${") or value in {"", "{env:"}, f"{path.name}: {name}"


def _text(path: Path) -> str:
    return path.read_text() if path.is_file() else ""


def test_the_image_is_of_nobody_in_particular_and_holds_all_that_compose_names() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    assert lines.index("USER 10001:10001") > max(n for n, line in enumerate(lines) if line.startswith("RUN"))
    assert "COPY deploy/production /opt/deploy" in lines
    kept = {
        line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", "\n".join(lines), re.MULTILINE):
        assert set(copied.split()) <= kept


def test_the_proxy_gets_every_value_that_its_configuration_names() -> None:
    template = (DEPLOY / "proxy" / "journey.conf.template").read_text()
    assert set(re.findall(r"\$\{(\w+)\}", template)) == set(SERVICES["proxy"]["environment"])


def test_the_chart_s_values_say_what_compose_s_instance_says() -> None:
    also = VALUES["additionalInstanceConfig"]
    assert also["run_retries"] == INSTANCE["run_retries"]
    apart = {name: also["run_monitoring"][name] for name in ("start_timeout_seconds",)}
    assert also["run_monitoring"] == {**INSTANCE["run_monitoring"], **apart}
    queue = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["maxConcurrentRuns"] == INSTANCE["concurrency"]["runs"]["max_concurrent_runs"]
    assert queue["tagConcurrencyLimits"] == INSTANCE["concurrency"]["runs"]["tag_concurrency_limits"]
    assert VALUES["concurrency"]["pools"] == {"defaultLimit": 1, "granularity": "op"}
    assert INSTANCE["concurrency"]["pools"] == {"default_limit": 1, "granularity": "op"}
    assert (
        VALUES["postgresql"]["postgresqlScheme"] == INSTANCE["storage"]["postgres"]["postgres_db"]["scheme"]
    )
    assert not VALUES["telemetry"]["enabled"]
    assert not VALUES["ingress"]["enabled"]


def test_both_instances_keep_the_same_promises() -> None:
    """What differs between one machine and production is the storage and how soon things are noticed."""
    small = yaml.safe_load((DEPLOY / "dagster.yaml").read_text())
    for part in ("run_retries", "retention", "telemetry", "nux"):
        assert small[part] == INSTANCE[part]
    assert small["run_monitoring"]["max_runtime_seconds"] == INSTANCE["run_monitoring"]["max_runtime_seconds"]
