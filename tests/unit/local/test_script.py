"""The script `./shopmine`: finds its checkout, a Python that fits, and an environment that is current."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("bash", "readlink", "dirname", "cmp", "head", "cat")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH without any Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """An environment that looks as if the set-up had made it, with this test's own packages."""
    folder = tmp_path / "venv"
    (folder / "bin").mkdir(parents=True)
    shutil.copyfile(ROOT / "requirements.txt", folder / "shopmine-lock.txt")
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return folder


def run(
    *arguments: str, path: Path | str, cwd: Path, script: Path = ROOT / "shopmine", **more: str
) -> "subprocess.CompletedProcess[str]":
    variables = {"HOME": str(cwd), "PATH": str(path), **more}
    return subprocess.run(
        [str(script), *arguments], env=variables, cwd=cwd, capture_output=True, text=True, check=False
    )


def fake_python(folder: Path, name: str, version: str, *, status: int) -> None:
    program = folder / name
    program.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo "Python {version}" && exit 0\nexit {status}\n')
    program.chmod(0o755)


def test_it_works_through_a_link_from_another_folder_with_an_empty_environment(
    tmp_path: Path, environment: Path, tools: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(ROOT / "shopmine")
    done = run("help", "status", path=tools, cwd=tmp_path, script=link, SHOPMINE_VENV=str(environment))
    assert done.returncode == 0, done.stderr
    assert "Usage: ./shopmine status" in done.stdout


def test_what_belongs_to_another_python_is_set_aside(tmp_path: Path, environment: Path, tools: Path) -> None:
    wrong = {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere"}
    done = run("help", path=tools, cwd=tmp_path, SHOPMINE_VENV=str(environment), **wrong)
    assert done.returncode == 0, done.stderr
    assert "usage: ./shopmine COMMAND" in done.stdout


def test_without_a_python_that_fits_it_says_what_was_found_and_what_to_install(tmp_path: Path, tools: Path) -> None:
    fake_python(tools, "python3", "3.9.2", status=1)
    fake_python(tools, "python3.12", "3.12.1", status=1)
    done = run("start", path=tools, cwd=tmp_path, SHOPMINE_VENV=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13 with its module venv" in done.stderr
    assert f"{tools / 'python3'}: Python 3.9.2" in done.stderr
    assert f"{tools / 'python3.12'}: Python 3.12.1" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_help_needs_no_installation_and_a_broken_python_is_passed_over(tmp_path: Path, tools: Path) -> None:
    fake_python(tools, "python3.11", "3.11.0", status=1)
    (tools / "python3.13").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python3.13").chmod(0o755)
    done = run("help", path=tools, cwd=tmp_path, SHOPMINE_VENV=str(tmp_path / "none"))
    assert done.returncode == 0, done.stderr
    assert "demo" in done.stdout
    assert not (tmp_path / "none").exists()


def test_a_changed_lock_means_a_set_up_and_its_failure_stops_the_command(
    tmp_path: Path, environment: Path, tools: Path
) -> None:
    (environment / "shopmine-lock.txt").write_text("older")
    (tools / "python3").write_text('#!/bin/sh\ncase "$1" in -c) exit 0;; esac\necho "called with $1 $2" >&2\nexit 7\n')
    (tools / "python3").chmod(0o755)
    done = run("status", path=tools, cwd=tmp_path, SHOPMINE_VENV=str(environment))
    assert done.returncode == 7
    assert "Setting Shopmine up first (./shopmine setup); this is needed once." in done.stderr
    assert f"bootstrap.py {environment}" in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing() -> None:
    subprocess.run(["shellcheck", ROOT / "shopmine", ROOT / ".ci" / "run"], check=True)


def test_scripts_may_be_run() -> None:
    assert all(os.access(ROOT / name, os.X_OK) for name in ("shopmine", ".ci/run"))
