"""Where pushed messages and events wait: one file of JSON lines an entity and day, persons already treated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from shopmine.collect.api_reader import Document, Part
from shopmine.collect.json_text import json_text, parse_json
from shopmine.config.days import days_between
from shopmine.errors import ConfigError

if TYPE_CHECKING:
    from shopmine.config.connections import Connection
    from shopmine.config.entities import EntityConfig

_ENDING: Final = ".jsonl"


class Spool:
    """The files of one entity in the folder that the connection's extra `spool` names."""

    def __init__(self, connection: Connection, entity: EntityConfig) -> None:
        folder = connection.extra.get("spool")
        if not folder:
            raise ConfigError(
                f"connection {connection.id!r} does not say where pushed messages are kept; add the extra `spool`, a folder that "
                "the serving API writes and the workers read"
            )
        self._folder, self._entity = Path(folder), entity

    @property
    def is_here(self) -> bool:
        """Whether this machine sees the folder."""
        return self._folder.is_dir()

    def add(self, day: date, document: Document) -> None:
        """Append a document and wait until it is on the disk. Several processes may add at once."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = json_text(document, is_compact=True).encode("utf-8", "backslashreplace")
        file = os.open(self._path(day), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            # A line that a crash cut off must not swallow this one; empty lines are none.
            os.write(file, b"\n" + line + b"\n")
            os.fsync(file)
        finally:
            os.close(file)

    def parts(self, days: frozenset[date] | None, notes: list[str]) -> Iterator[Part]:
        """The wanted days since the first message; None: the newest."""
        kept = sorted(self._days())
        if not kept:
            notes.append(f"{self._entity.name}: nothing was ever pushed to {self._folder}")
            return
        wanted = {kept[-1]} if days is None else days & frozenset(days_between(kept[0], max(kept[-1], *days, kept[0])))
        for day in sorted(wanted):
            documents = self._read(day, notes)
            yield Part(days=frozenset({day}), documents=documents, is_treated=True)

    def blank(self, names_person: Callable[[bytes], bool]) -> int:
        """Overwrite every line that names the person with spaces, which are no document; how many they were.

        In place: what is pushed meanwhile is appended behind, and a crash leaves a line that the next call finds again.
        """
        n_lines = 0
        for path in self._folder.glob(f"*{_ENDING}"):
            with path.open("r+b") as file:
                lines, start = file.read().split(b"\n"), 0
                for line in lines:
                    if line.strip() and names_person(line):
                        file.seek(start)
                        file.write(b" " * len(line))
                        n_lines += 1
                    start += len(line) + 1
                file.flush()
                os.fsync(file.fileno())
        return n_lines

    def _days(self) -> Iterator[date]:
        before = f"{self._entity.name}-"
        for path in self._folder.glob(f"{before}*{_ENDING}"):
            yield date.fromisoformat(path.name.removeprefix(before).removesuffix(_ENDING))

    def _read(self, day: date, notes: list[str]) -> list[Document]:
        path = self._path(day)
        if not path.exists():
            return []
        documents, n_broken = [], 0
        for line in filter(bytes.strip, path.read_bytes().split(b"\n")):
            try:
                document = parse_json(line)
            except ValueError:
                n_broken += 1
            else:
                documents.append(document)
        if n_broken:
            notes.append(
                f"{self._entity.name}: {n_broken} lines of {path.name} were cut off; WeChat sends again what was not answered"
            )
        return documents

    def _path(self, day: date) -> Path:
        return self._folder / f"{self._entity.name}-{day.isoformat()}{_ENDING}"
