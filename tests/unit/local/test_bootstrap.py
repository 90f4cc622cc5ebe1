"""The set-up of the environment: done once, done again when it was cut short, clear when it fails."""

import threading
from pathlib import Path

import pytest

from shopmine.local import bootstrap
from shopmine.local.bootstrap import STAMP, SetupError, is_current, make_environment

_UNKNOWN = f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n"


@pytest.mark.slow
def test_it_is_made_once_renewed_when_cut_short_and_says_why_it_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, folder = tmp_path / "requirements.txt", tmp_path / "venv"
    lock.write_text("# nothing to install\n")
    assert not is_current(folder, lock)
    threads = [threading.Thread(target=make_environment, args=(folder, lock)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = capsys.readouterr().err
    assert is_current(folder, lock)
    assert said.count("making an environment") == 1
    assert "another set-up is under way" in said

    make_environment(folder, lock)
    assert capsys.readouterr().err == ""

    (folder / STAMP).unlink()  # what a killed set-up leaves
    (folder / "bin" / "python").unlink()
    make_environment(folder, lock)
    assert is_current(folder, lock)
    assert "making an environment" in capsys.readouterr().err

    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lock.write_text(_UNKNOWN)
    with pytest.raises(SetupError, match=r"could not be installed:\n(.*\n)+check the network.*\./shopmine setup again"):
        make_environment(folder, lock)
    assert not (folder / STAMP).exists()


def test_too_little_space_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(bootstrap.shutil.disk_usage("/"))(10**9, 10**9, 5_000_000)
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda _path: usage)
    with pytest.raises(SetupError, match=r"only 5 MB free in .*, 2500 MB are needed; make room"):
        make_environment(tmp_path / "venv")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="name another folder for the environment: SHOPMINE_VENV="):
        make_environment(tmp_path / "file" / "venv")
