"""Lines that do not fit in memory come back as those that do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopmine.errors import SourceUnavailableError
from shopmine.staging import lines as module
from shopmine.staging.lines import Lines

LINE = st.binary(max_size=12).map(lambda line: line.replace(b"\n", b""))


@settings(deadline=None)
@given(st.lists(st.lists(LINE, max_size=20), max_size=20), st.sampled_from([0, 10, 100, 10_000]), st.integers(2, 4))
def test_all_lines_come_back_sorted_wherever_they_lay(given: list[list[bytes]], held: int, most_runs: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_HELD_BYTES", held)
        patch.setattr(module, "_BLOCK_BYTES", 16)
        patch.setattr(module, "_MOST_RUNS", most_runs)
        lines = Lines()
        for part in given:
            lines.extend(part)
        expected = sorted(line for part in given for line in part)
        assert [*lines] == [*lines] == expected
        assert all(lines.blocks())
        assert (len(lines), lines.n_bytes) == (len(expected), len(b"\n".join(expected)))


def test_no_room_for_a_large_day_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_HELD_BYTES", 10)
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(module.tempfile, "TemporaryFile", lambda **_: full)
        with pytest.raises(
            SourceUnavailableError, match=r"no room for the lines of a large day: No space left.*TMPDIR"
        ):
            Lines([b"x" * 100])
