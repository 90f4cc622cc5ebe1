"""`setup`, `start`, `stop`, `status`, `upgrade`, `test`, `serve`, `airflow`, `python`: one machine's installation."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NoReturn

import click

from shopmine.cli.demo_command import demo, elapsed_lines

if TYPE_CHECKING:
    from shopmine.local.installation import Installation

_PASS_ON: Final = {"ignore_unknown_options": True, "help_option_names": []}
_QUICK: Final = "not slow and not airflow and not benchmark and not soak"
_LONGEST_TEST_SECONDS: Final = 900


@click.command()
def setup() -> None:
    """Install everything that is needed, without starting it. Can be repeated."""
    from shopmine.local.servers import Servers

    say, installation = elapsed_lines(), _installation()
    Servers(installation, say=say).install()
    say(f"everything is installed; state lives in {installation.home}; next: ./shopmine demo, or ./shopmine start")


@click.command()
@click.option("--no-airflow", is_flag=True, help="Only the database servers.")
def start(*, no_airflow: bool) -> None:
    """Run the servers and Airflow. What runs already is left alone; what died is started again."""
    from shopmine.local.running import start_airflow, start_databases

    say, installation = elapsed_lines(), _installation()
    start_databases(installation, say=say)
    if not no_airflow:
        start_airflow(installation, say=say)
        _say_login(installation)


@click.command()
def stop() -> None:
    """Stop everything of this installation, also what a crash left running."""
    from shopmine.local.running import stop_all

    stopped = stop_all(_installation())
    click.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(*, as_json: bool) -> None:
    """What runs, at which address, and where the login is."""
    from shopmine.cli.output import print_json, print_table
    from shopmine.local.airflow import Airflow
    from shopmine.local.servers import Servers

    installation = _installation()
    airflow_ = Airflow(installation)
    found = [*Servers(installation).status(), *airflow_.status()]
    if as_json:
        login = str(installation.login_file)
        print_json({"components": [asdict(one) for one in found], "ui": airflow_.url, "login_file": login})
        return
    print_table(
        ["component", "state", "address", "pid"], [[one.title, one.state, one.address, one.pid] for one in found]
    )
    if any(one.state == "running" for one in found):
        _say_login(installation)
    if any(one.state != "running" for one in found):
        click.echo("./shopmine start starts what does not run")


@click.command()
def upgrade() -> None:
    """Bring the staging database and Airflow's to this version; Airflow is stopped meanwhile, if it runs."""
    from shopmine.local.airflow import Airflow
    from shopmine.local.running import start_airflow, upgrade_staging
    from shopmine.local.servers import Servers

    say, installation = elapsed_lines(), _installation()
    airflow_ = Airflow(installation, say=say)
    was_running = bool(airflow_.stop())
    Servers(installation, names=["postgres"], say=say).start()
    upgrade_staging(installation)
    airflow_.migrate(is_forced=True)
    say("both databases are of this version")
    if was_running:
        start_airflow(installation, say=say)


@click.command("airflow", context_settings=_PASS_ON)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def airflow_command(args: Sequence[str]) -> None:
    """Airflow's own command line, with this installation's settings."""
    _become([sys.executable, "-m", "airflow", *args])


@click.command("python", context_settings=_PASS_ON)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def python_command(args: Sequence[str]) -> None:
    """Python with the package and this installation's settings."""
    _become([sys.executable, *args])


@click.command("test", context_settings=_PASS_ON)
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def run_tests(args: Sequence[str]) -> NoReturn:
    """The test suite; --quick leaves out what is slow or needs Airflow; the rest is pytest's."""
    from shopmine.local.layout import CHECKOUT

    chosen = [argument for argument in args if argument != "--quick"]
    marks = _QUICK if "--quick" in args else "not benchmark and not soak"
    # A whole run uses all cores; a hand-picked one is for reading, so it stays in one process.
    workers = [] if chosen else ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-m", marks, f"--timeout={_LONGEST_TEST_SECONDS}", *workers, *chosen]
    own = ("SHOPMINE_HOME", "SHOPMINE_SHOPS", "AIRFLOW_", "SHOPMINE_API_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - the shell would add nothing


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=int, help="Port to listen at; default: the installation's own.")
def serve(host: str, port: int | None) -> None:
    """The REST API over the published tables, until ctrl-C."""
    from shopmine.serving.app import main as serve_api

    installation = _installation()
    settings = {
        "SHOPMINE_API_TOKEN": installation.secret("serving_token"),
        "SHOPMINE_API_PORT": str(installation.port("serving")),
        **os.environ,
        "SHOPMINE_API_HOST": host,
        **({"SHOPMINE_API_PORT": str(port)} if port else {}),
    }
    click.echo(
        f"REST API at http://{host}:{settings['SHOPMINE_API_PORT']}; its token: serving_token in {installation.home / 'secrets.json'}"
    )
    serve_api(settings)


def _installation() -> Installation:
    from shopmine.local.installation import Installation

    return Installation.load()


def _say_login(installation: Installation) -> None:
    port = installation.port("airflow")
    click.echo(f"UI: http://127.0.0.1:{port}  user: admin  password: in {installation.login_file}")


def _become(command: list[str]) -> NoReturn:
    from shopmine.local.airflow import process_environment

    environment = process_environment(_installation())
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - the shell would add nothing


commands: list[click.Command] = [
    setup,
    start,
    stop,
    status,
    upgrade,
    run_tests,
    serve,
    demo,
    airflow_command,
    python_command,
]
