"""`./shopmine`: finds a command's module, gives it the installation's environment, turns errors into one line."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from shopmine.cli.overview import COMMANDS, overview
from shopmine.errors import ShopmineError

# These work before an installation exists, or on it as a whole.
_WITHOUT_ENVIRONMENT = frozenset({"help", "test"})


class _LazyGroup(click.Group):
    """Imports a command's module only when it is asked for: `help` stays fast, and a broken module breaks its own commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name == "help":
            return show_help
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"shopmine.cli.{COMMANDS[cmd_name][0]}")
        found = {command.name: command for command in module.commands}
        return found.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "; see ./shopmine help"
            ctx.fail(f"there is no command {name!r}{hint}")
        if name not in _WITHOUT_ENVIRONMENT:
            _lend_environment()
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        formatter.write(overview() + "\n")


@click.group(cls=_LazyGroup, invoke_without_command=True)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Mine an online shop's data every day."""
    if ctx.invoked_subcommand is None:
        click.echo(overview())


@click.command("help")
@click.argument("command", required=False)
@click.pass_context
def show_help(ctx: click.Context, command: str | None) -> None:
    """Show all commands, or one of them in full."""
    if command is None:
        click.echo(overview())
        return
    found = cli.get_command(ctx, command)
    if found is None:
        ctx.fail(f"there is no command {command!r}; see ./shopmine help")
    with click.Context(found, info_name=command, parent=ctx.parent) as about:
        click.echo(found.get_help(about))


def _lend_environment() -> None:
    """Give this process the installation's variables, unless its environment names a staging database already."""
    if "AIRFLOW_CONN_SHOPMINE_STAGING" in os.environ:
        return
    from shopmine.local.installation import Installation

    os.environ.update(Installation.load().command_environment())


def main() -> None:
    """Run the command line; a deliberate error is one line on stderr and exit status 1."""
    try:
        cli.main(prog_name="./shopmine")
    except ShopmineError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
