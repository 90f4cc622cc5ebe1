"""Detached processes: found again, ended whole, never mistaken for a stranger's."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from shopmine.errors import SourceUnavailableError
from shopmine.local.processes import Launch, Processes, last_lines, start_ticks

# Starts a child that outlives it, then waits; both ignore nothing.
_PARENT = (
    "import subprocess, time; child = subprocess.Popen(['sleep', '300']); print(child.pid, flush=True); time.sleep(300)"
)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    found = Processes(tmp_path)
    yield found
    found.end(found.strays(), seconds=1)


def launch(tmp_path: Path, script: str = _PARENT, **options: str) -> Launch:
    return Launch(command=[sys.executable, "-c", script], environment={}, log=tmp_path / "log", **options)


def wait_for_line(log: Path) -> str:
    deadline = time.monotonic() + 10
    while not (text := log.read_text()).endswith("\n"):
        assert time.monotonic() < deadline, "the process printed nothing"
        time.sleep(0.02)
    return text


def test_a_started_process_is_found_by_another_command_and_ended_with_its_children(
    processes: Processes, tmp_path: Path
) -> None:
    record = processes.start("worker", launch(tmp_path, fingerprint="v1"))
    child = int(wait_for_line(tmp_path / "log"))
    another = Processes(tmp_path)
    assert another.find("worker") == record
    assert another.stop("worker", seconds=5)
    assert start_ticks(record.pid) is None
    assert start_ticks(child) is None
    assert another.find("worker") is None
    assert not another.stop("worker")


def test_a_number_that_now_belongs_to_a_stranger_is_never_signalled(processes: Processes, tmp_path: Path) -> None:
    record = processes.start("worker", launch(tmp_path))
    stranger = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        recycled = replace(record, pid=stranger.pid, ticks=record.ticks - 100)
        (tmp_path / "run" / "worker.json").write_text(json.dumps(asdict(recycled)))
        assert processes.find("worker") is None
        processes.stop("worker", seconds=1)
        assert stranger.poll() is None
        assert start_ticks(record.pid) is None, "the real one is found by its marks"
    finally:
        stranger.kill()
        stranger.wait()


def test_what_a_killed_process_left_is_found_and_ended(processes: Processes, tmp_path: Path) -> None:
    record = processes.start("worker", launch(tmp_path))
    child = int(wait_for_line(tmp_path / "log"))
    (tmp_path / "run" / "worker.json").unlink()
    processes.end([process for process in processes.strays() if process.pid == record.pid])
    assert [process.pid for process in processes.strays("worker")] == [child]
    assert processes.strays("another") == []
    assert Processes(tmp_path / "elsewhere").strays() == []
    assert processes.stop("worker", gently=signal.SIGKILL)
    assert start_ticks(child) is None


def test_a_process_that_does_not_listen_is_ended_by_force(processes: Processes, tmp_path: Path) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(300)"
    record = processes.start("worker", launch(tmp_path, deaf))
    wait_for_line(tmp_path / "log")
    assert processes.stop("worker", seconds=0.3)
    assert start_ticks(record.pid) is None


def test_a_missing_program_is_named(processes: Processes, tmp_path: Path) -> None:
    missing = replace(launch(tmp_path), command=["/no/such/program"])
    with pytest.raises(SourceUnavailableError, match=r"can't start worker \(/no/such/program\): No such file"):
        processes.start("worker", missing)


def test_the_end_of_a_log_is_shown_or_its_absence(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert "empty" in last_lines(log)
    log.write_text("first\nsecond\nthird\n")
    assert last_lines(log, 2) == "  | second\n  | third"
