"""Named points: nothing without the kit, exactly what was asked for with it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shopmine import faults
from shopmine.errors import ConfigError

INCLUDE = Path(faults.__file__).resolve().parents[1]
PASS_TWICE = """
from shopmine.faults import fault_point
for _ in range(2):
    fault_point("collect.read")
    print("passed", flush=True)
"""


def passing_twice(told: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(INCLUDE), "SHOPMINE_FAULT": told}
    command = [sys.executable, "-c", PASS_TWICE]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize(
    ("told", "status", "passes"),
    [
        ("", 0, 2),
        ("prepare.written:kill", 0, 2),
        ("collect.read:kill", -signal.SIGKILL, 0),
        ("collect.read:kill:2", -signal.SIGKILL, 1),
        ("collect.read:kill:3", 0, 2),
        ("collect.read:fail:2", 1, 1),
        ("collect.read:delay", 0, 2),
    ],
)
def test_a_process_does_what_its_environment_says(told: str, status: int, passes: int) -> None:
    done = passing_twice(told)
    assert (done.returncode, done.stdout.count("passed")) == (status, passes), done.stderr


@pytest.mark.parametrize("told", ["collect.reed:kill", "collect.read", "collect.read:burn", "collect.read:kill:0"])
def test_what_is_no_fault_is_refused_at_once(told: str) -> None:
    with pytest.raises(ConfigError, match=f"SHOPMINE_FAULT='{told}' is not point:action"):
        faults.arm(told)
    faults.fault_point("collect.read")


def test_every_point_stands_in_the_code_and_no_other() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (INCLUDE / "shopmine").rglob("*.py"))
    calls = " ".join(re.findall(r"fault_point\((.*)\)", text))
    named = set(re.findall(r'"(\w+\.\w+)"', calls))
    assert named | {"fit.written", "apply.written"} == set(faults.POINTS)
    assert 'fault_point(f"{step.name}.written")' in text
