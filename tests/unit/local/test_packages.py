"""Packages unpacked without an administrator, against stand-ins for apt-get and dpkg-deb that record what they are asked."""

from pathlib import Path

import pytest

from shopmine.errors import ConfigError
from shopmine.local.packages import library_folders, unpack_packages

_APT = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
  *"-s --no-install-recommends install unknown"*) exit 100 ;;
  *" -s "*) echo "Inst libaio1 (1 amd64)"; echo "Inst mariadb-server-core (2 amd64)"; echo "Inst libc6 [1] (2 amd64)" ;;
  *"update"*) exit {update} ;;
  *"download"*) touch a.deb ;;
esac
"""
_DPKG = '#!/bin/sh\nmkdir -p "$3/usr/lib/x86" && touch "$3/usr/lib/x86/liba.so.1"\n'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, text in (("apt-get", _APT.format(log=tmp_path / "asked", update=7)), ("dpkg-deb", _DPKG)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_what_the_system_lacks_is_downloaded_once_and_never_its_c_library(tools: Path, tmp_path: Path) -> None:
    said: list[str] = []
    root = unpack_packages(["mariadb-server-core"], tmp_path / "programs" / "mariadb", say=said.append)
    assert library_folders(root) == [str(root / "usr/lib/x86")]
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[-1].endswith("download libaio1 mariadb-server-core")
    assert len(said) == 1
    unpack_packages(["mariadb-server-core"], root, say=said.append)
    assert (tmp_path / "asked").read_text().splitlines() == asked
    assert len(said) == 1


def test_a_package_that_cannot_be_had_is_named_for_an_administrator(tools: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="let an administrator run: apt-get install unknown"):
        unpack_packages(["unknown"], tmp_path / "programs" / "unknown", say=lambda _line: None)
    assert not (tmp_path / "programs" / "unknown").exists()
    assert "Dir::State::lists=" in (tmp_path / "asked").read_text(), "it looked for itself before it gave up"


def test_without_apt_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ConfigError, match="apt-get and dpkg-deb not found; install mariadb-server-core with your system's"
    ):
        unpack_packages(["mariadb-server-core"], tmp_path / "programs" / "mariadb", say=lambda _line: None)
