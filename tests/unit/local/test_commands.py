"""The command line as a whole: what there is, how it fails, and that asking for help is cheap."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from shopmine.cli import local_commands, main
from shopmine.cli.demo_command import place_shop_file
from shopmine.cli.overview import COMMANDS, overview
from shopmine.demo.loading import shop_file
from shopmine.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPMINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AIRFLOW_CONN_SHOPMINE_STAGING", "postgresql://127.0.0.1:1/none")


def test_every_command_of_the_overview_exists_and_every_command_is_in_it() -> None:
    modules = {module for module, _about in COMMANDS.values()} - {"main"}
    found = {command.name for module in modules for command in import_module(f"shopmine.cli.{module}").commands}
    assert found | {"help"} == set(COMMANDS)


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_shows_all_commands(arguments: list[str]) -> None:
    done = CliRunner().invoke(main.cli, arguments)
    assert done.exit_code == 0
    assert done.output.rstrip() == overview()


def test_an_unknown_command_is_a_usage_error_that_names_the_nearest() -> None:
    done = CliRunner().invoke(main.cli, ["stats"])
    assert done.exit_code == 2
    assert "there is no command 'stats'; did you mean 'status'?" in done.output


def test_a_deliberate_error_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command("status")
    def broken() -> None:
        raise ConfigError("config.json is broken; restore it")

    monkeypatch.setattr(local_commands, "commands", [broken])
    monkeypatch.setattr(sys, "argv", ["shopmine", "status"])
    with pytest.raises(SystemExit, match="1"):
        main.main()
    assert capsys.readouterr().err == "error: config.json is broken; restore it\n"


def test_asking_for_help_imports_nothing_heavy() -> None:
    script = "import sys; from shopmine.cli import main; main.cli(['help'], standalone_mode=False); print(sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "include")},
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = ("sqlalchemy", "pandas", "numpy", "pyarrow", "httpx", "rich", "pydantic", "psutil", "shopmine.local")
    assert [name for name in heavy if f"'{name}'" in done.stdout] == []


def test_a_stopped_installation_says_so_and_how_to_start_it() -> None:
    done = CliRunner().invoke(main.cli, ["status"])
    assert done.exit_code == 0, done.output
    assert done.output.count("stopped") == 7
    assert "./shopmine start starts what does not run" in done.output
    assert CliRunner().invoke(main.cli, ["stop"]).output == "nothing was running\n"


def test_a_shops_file_is_placed_renewed_and_never_written_over_a_persons_changes(tmp_path: Path) -> None:
    said: list[str] = []
    target = tmp_path / "shops" / "demo.toml"
    place_shop_file("demo", size="tiny", folder=target.parent, say=said.append)
    assert target.read_text() == shop_file("demo", size="tiny")
    place_shop_file("demo", size="small", folder=target.parent, say=said.append)
    assert target.read_text() == shop_file("demo", size="small")
    target.write_text("# mine\n")
    place_shop_file("demo", size="tiny", folder=target.parent, say=said.append)
    assert target.read_text() == "# mine\n"
    assert said[-1] == f"{target} has been changed; it stays as it is"
    assert [path.name for path in target.parent.iterdir()] == ["demo.toml"]
