"""A real Chromium for the tests of pages, without an administrator.

Used, in this order: $SHOPMINE_CHROMIUM, an installed one, else Debian's packages unpacked once into the user's cache
(about 400 MB; nothing is installed).
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from shopmine.errors import ShopmineError
from shopmine.local.packages import library_folders, unpack_packages

PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-wqy-microhei")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A program, and the environment it needs."""

    program: str
    environment: dict[str, str] = field(default_factory=dict)


def find_browser() -> Browser | str:
    """Chromium, or why there is none."""
    for name in (os.environ.get("SHOPMINE_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome"):
        if name and (program := shutil.which(name)):
            return Browser(program=program)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shopmine-tests" / "chromium"
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        root = unpack_packages(PACKAGES, folder, say=lambda _line: None)
    except ShopmineError as error:
        return f"no Chromium here ({error}); install it, or name one in SHOPMINE_CHROMIUM"
    return _unpacked(root)


def _unpacked(root: Path) -> Browser:
    fonts = root / "fonts.conf"
    folders = (root / "usr/share/fonts", Path("/usr/share/fonts"))
    listed = "".join(f"<dir>{folder}</dir>" for folder in folders)
    fonts.write_text(f'<?xml version="1.0"?><fontconfig>{listed}<cachedir>{root}/font-cache</cachedir></fontconfig>')
    return Browser(
        program=str(root / "usr/lib/chromium/chromium"),
        environment={"LD_LIBRARY_PATH": ":".join(library_folders(root)), "FONTCONFIG_FILE": str(fonts)},
    )
