"""The compose file and the image, checked against the code, since no container engine runs in the tests.

Every command, path, module, address and variable in them must exist.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docker-compose.yaml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:?[-?])([^}]*))?\}")
EXAMPLE = dict(
    line.split("=", 1)
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    if "=" in line[:40] and not line.startswith("#")
)
OURS = [name for name, service in SERVICES.items() if str(service["image"]).startswith("shopmine:")]
# The keys of the compose specification that we use; an unknown one is a typing error that compose would refuse.
SERVICE_KEYS = {
    "build", "cap_drop", "command", "depends_on", "entrypoint", "env_file", "environment", "healthcheck", "image", "init",
    "logging", "ports", "restart", "security_opt", "shm_size", "stop_grace_period", "user", "volumes",
}  # fmt: skip


def words(command: object) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else [str(word) for word in command]  # type: ignore[attr-defined]


def test_it_has_only_keys_of_the_compose_specification() -> None:
    extensions = {key for key in COMPOSE if key.startswith("x-")}
    assert set(COMPOSE) - extensions == {"name", "services", "volumes"}
    for name, service in SERVICES.items():
        assert set(service) <= SERVICE_KEYS, name
        assert set(service.get("healthcheck", {})) <= {"test", "interval", "timeout", "retries", "start_period"}, name
        for condition in service.get("depends_on", {}).values():
            assert set(condition) == {"condition"}, name


def test_it_is_the_whole_system() -> None:
    assert set(SERVICES) == {
        "postgres", "redis", "mysql", "mongodb", "init", "airflow-api-server", "airflow-scheduler",
        "airflow-dag-processor", "airflow-triggerer", "airflow-worker", "serving",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_locked_down_and_says_how_it_is(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] not in ("root", "0", 0), "not root"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), "reachable from this host only"
    assert ("healthcheck" in service) == (name != "init")
    for other, condition in service.get("depends_on", {}).items():
        wanted = "service_completed_successfully" if other == "init" else "service_healthy"
        assert condition["condition"] == wanted
        assert other == "init" or "healthcheck" in SERVICES[other]


def test_named_volumes_are_declared_and_files_exist() -> None:
    used = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _target, *mode = volume.split(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert mode == ["ro"], f"{source} is only read"
            else:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_every_variable_is_in_the_example_and_no_secret_has_a_value() -> None:
    used = {found.group(1): found.group(2) for found in VARIABLE.finditer(TEXT)}
    assert set(used) == set(EXAMPLE)
    for name, operator in used.items():
        is_secret = re.search(r"PASSWORD|SECRET|KEY|TOKEN|EMAIL", name) is not None
        assert is_secret == (operator == ":?"), f"{name}: a secret is required, anything else has a default"
        assert not (is_secret and EXAMPLE[name]), f"{name} has a value in .env.example"


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in (service.get("environment") or {}).items():
            if re.search(
                r"PASSWORD|SECRET|FERNET|TOKEN|_KEY|AUTH$|CONN_|SQL_ALCHEMY_CONN|BROKER_URL|RESULT_BACKEND", name
            ):
                assert "${" in value, name


def test_its_secrets_are_never_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ".env" in ignored
    assert "/connections.env" in ignored
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in kept, "the image gets what is named, nothing else"
    assert not [line for line in kept if line.startswith("!.env")]


def airflow_options() -> list[str]:
    """`SECTION__KEY` of every setting that the installed Airflow and its providers know, with FAB as auth manager."""
    code = """
import json
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
ProvidersManager().initialize_providers_configuration()
print(json.dumps([f"{s}__{k}".upper() for s, found in conf.configuration_description.items() for k in found["options"]]))
"""
    return list(json.loads(run_python(code)))


def run_python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "include"), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope="module", autouse=True)
def _airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        yield


def test_every_airflow_setting_exists() -> None:
    known = set(airflow_options())
    names = {name for name in SERVICES["airflow-worker"]["environment"] if name.startswith("AIRFLOW__")}
    unknown = {name for name in names if name.removeprefix("AIRFLOW__") not in known}
    # Options of the broker's own transport are passed through, whatever their name.
    assert unknown <= {"AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"}


def test_every_airflow_command_is_understood_by_the_installed_airflow() -> None:
    script = (ROOT / "docker" / "init.sh").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [re.sub(r"\$\{(\w+)[^}]*\}", "2", line) for line in script.splitlines() if line.startswith("airflow ")]
    commands = [shlex.split(line)[1:] for line in lines]
    commands += [
        words(SERVICES[name]["command"])[1:] for name in OURS if words(SERVICES[name]["command"])[0] == "airflow"
    ]
    assert len(commands) >= 9
    code = f"""
from airflow.cli.cli_parser import get_parser
for command in {commands!r}:
    get_parser().parse_args(command)
print("ok")
"""
    manager = SERVICES["init"]["environment"]["AIRFLOW__CORE__AUTH_MANAGER"]
    assert run_python(code, AIRFLOW__CORE__AUTH_MANAGER=manager) == "ok"


def test_classes_and_drivers_that_are_named_exist() -> None:
    environment = SERVICES["airflow-worker"]["environment"]
    module, _, name = environment["AIRFLOW__CORE__AUTH_MANAGER"].rpartition(".")
    assert importlib.util.find_spec(module), module
    assert f"class {name}" in Path(str(importlib.util.find_spec(module).origin)).read_text(encoding="utf-8")  # type: ignore[union-attr]
    health = words(SERVICES["airflow-worker"]["healthcheck"]["test"])[1]
    app = re.search(r"--app ([\w.]+)\.app ", health)
    assert app
    assert importlib.util.find_spec(app.group(1))
    for url in (environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], environment["AIRFLOW__CELERY__RESULT_BACKEND"]):
        driver = url.removeprefix("db+").split("://")[0].partition("+")[2]
        assert importlib.util.find_spec(driver), driver


def test_connections_can_be_read() -> None:
    from shopmine.config.connections import connections_from_environment

    filled = {name: VARIABLE.sub("secret", value) for name, value in SERVICES["airflow-worker"]["environment"].items()}
    found = connections_from_environment(filled)
    assert {id_: connection.kind for id_, connection in found.items()} == {
        "shopmine_staging": "postgresql",
        "online_retail_mysql": "mysql",
        "online_retail_mongo": "mongodb",
    }
    assert {connection.host for connection in found.values()} <= set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_what_a_container_of_ours_runs_is_in_the_image(name: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    command = words(SERVICES[name]["command"])
    checks = [word for word in [*command, *words(SERVICES[name].get("healthcheck", {}).get("test", []))] if "/" in word]
    for word in checks:
        if re.fullmatch(r"[\w-]+/[\w./-]+", word):
            assert (ROOT / word).is_file(), word
            assert f"COPY {word.split('/')[0]} " in dockerfile
    if command[:2] == ["python", "-m"]:
        assert importlib.util.find_spec(command[2]), command[2]
    environment = SERVICES[name]["environment"]
    for variable in ("AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__PLUGINS_FOLDER"):
        folder = environment[variable]
        assert f"COPY {folder.rsplit('/', 1)[1]} {folder}" in dockerfile


def test_the_health_checks_ask_for_addresses_that_exist() -> None:
    from shopmine.serving.api import create_app
    from shopmine.staging.database import Database

    routes = {
        getattr(route, "path", "") for route in create_app(Database("postgresql://never@opened/here"), "t" * 40).routes
    }
    spec = importlib.util.find_spec("airflow.api_fastapi.core_api")
    assert spec
    assert spec.origin
    openapi = (Path(spec.origin).parent / "openapi" / "v2-rest-api-generated.yaml").read_text(encoding="utf-8")
    for service in SERVICES.values():
        for word in words(service.get("healthcheck", {}).get("test", [])):
            if not (url := re.fullmatch(r"http://([\w.-]+):(\d+)(/\S*)", word)):
                continue
            host, port, path = url.groups()
            assert host == "127.0.0.1" or host in SERVICES
            assert path in routes if port == "8090" else f"\n  {path}:" in openapi, path


def test_the_image_is_locked_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "--require-hashes" in text
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["50000:50000"]
    versions = set(re.findall(r"^FROM python:(\d+\.\d+)-slim", text, re.MULTILINE))
    assert versions == {"3.11"}, "both stages have the Python that the tests run on"
    for copied in re.findall(r"^COPY (?!--from)(\S+) ", text, re.MULTILINE):
        assert (ROOT / copied).exists(), copied
        assert f"!{copied}" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_redis_waits_longer_than_the_longest_task_runs() -> None:
    longest = 6 * 3600
    steps = (ROOT / "dags" / "steps.py").read_text(encoding="utf-8") + (ROOT / "dags" / "wiring.py").read_text(
        encoding="utf-8"
    )
    hours = [int(found) for found in re.findall(r"execution_timeout\"?[=:] ?timedelta\(hours=(\d+)\)", steps)]
    assert max(hours) * 3600 <= longest
    environment = SERVICES["airflow-worker"]["environment"]
    assert int(environment["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"]) > longest


def test_a_day_runs_in_it_as_it_does_in_the_local_installation(tmp_path: Path) -> None:
    from shopmine.local.airflow_settings import airflow_settings
    from shopmine.local.installation import Installation

    installation = Installation.load(tmp_path / "home")
    local = {**airflow_settings(installation), **installation.command_environment()}
    environment = SERVICES["airflow-worker"]["environment"]
    same = [name for name in local if name.endswith("_NUM_THREADS")]
    assert same, "each library that adds up in parallel is told to use one thread"
    same += [
        f"AIRFLOW__{name}"
        for name in (
            "CORE__DAGS_ARE_PAUSED_AT_CREATION",
            "CORE__LOAD_EXAMPLES",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT",
            "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL",
        )
    ]
    assert {name: environment[name].lower() for name in same} == {name: local[name].lower() for name in same}


def test_the_ready_made_shop_finds_its_connections() -> None:
    text = (ROOT / "shops" / "examples" / "online_retail.toml").read_text(encoding="utf-8")
    needed = set(re.findall(r'^connection = "(\w+)"', text, re.MULTILINE))
    assert {f"AIRFLOW_CONN_{id_.upper()}" for id_ in needed} <= set(SERVICES["airflow-worker"]["environment"])


def test_the_image_takes_the_packages_as_the_local_installation_does() -> None:
    bootstrap = (ROOT / "include" / "shopmine" / "local" / "bootstrap.py").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for option in ("--require-hashes", "--only-binary :all:", "--no-deps"):
        assert option in dockerfile
        assert all(f'"{word}"' in bootstrap for word in option.split())


def test_scripts_that_containers_run_are_sound() -> None:
    scripts = sorted((ROOT / "docker").rglob("*.sh"))
    assert len(scripts) == 3
    for script in scripts:
        subprocess.run(["bash", "-n", str(script)], check=True)
        named = set(re.findall(r"\$\{([A-Z_]+)", script.read_text(encoding="utf-8")))
        service = {"init.sh": "init", "start.sh": "mongodb", "create-databases.sh": "postgres"}[script.name]
        assert named <= set(SERVICES[service]["environment"]), script.name
