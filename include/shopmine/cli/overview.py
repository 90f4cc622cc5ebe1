"""The commands and where they are: one table, readable before anything is installed (standard library alone)."""

from typing import Final

# command -> (module of shopmine.cli, what it does); the order is that of a newcomer's first days.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("local_commands", "from nothing to a published release of a ready-made shop and a running UI"),
    "setup": ("local_commands", "install what is needed, without starting anything"),
    "start": ("local_commands", "run the servers and Airflow"),
    "stop": ("local_commands", "stop them; nothing is left behind"),
    "status": ("local_commands", "what runs, where, and where the login is"),
    "upgrade": ("local_commands", "bring the databases to this version"),
    "test": ("local_commands", "the test suite (--quick: without the slow ones)"),
    "check": ("check_command", "is a shop's file right, can its sources be read, what would be mapped to what"),
    "run": ("run_commands", "run a shop's day through Airflow and wait"),
    "backfill": ("run_commands", "run a range of days through Airflow and wait"),
    "releases": ("look_commands", "the releases of a shop"),
    "show": ("look_commands", "what is published about a customer, product or segment"),
    "why": ("look_commands", "why a product is or is not recommended to a customer"),
    "compare": ("look_commands", "what differs between two releases"),
    "sql": ("look_commands", "a read-only query of the staging database"),
    "rollback": ("act_commands", "bring an earlier release back and pin the shop to it"),
    "approve": ("act_commands", "make a waiting release the current one"),
    "opt-out": ("act_commands", "a person wants no personal results: at once, with a receipt"),
    "forget": ("act_commands", "delete a person everywhere, with a receipt"),
    "drill": ("drill_command", "break a scratch copy on purpose and check that nothing wrong is ever shown"),
    "serve": ("local_commands", "the REST API alone"),
    "airflow": ("local_commands", "Airflow's own command line, inside the environment"),
    "python": ("local_commands", "Python, inside the environment"),
    "help": ("main", "this page, or a command's own: ./shopmine help COMMAND"),
}


def overview() -> str:
    """The page of `./shopmine help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {about}" for name, (_module, about) in COMMANDS.items()]
    return "\n".join(
        [
            "Shopmine mines an online shop's data every day: correct as of any day, explainable, undoable.",
            "",
            "usage: ./shopmine COMMAND [ARGS]",
            "",
            *lines,
            "",
            "State lives in $SHOPMINE_HOME (default .shopmine), shops' files in $SHOPMINE_SHOPS (default shops).",
        ]
    )


if __name__ == "__main__":
    print(overview())
