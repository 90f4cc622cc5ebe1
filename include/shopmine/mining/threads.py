"""One thread where a library adds up in parallel: the same bytes on any machine, and no fight between tasks."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_thread(*libraries: str) -> Iterator[None]:
    """Within it BLAS and OpenMP use one thread.

    Args:
        libraries: modules that are used within. They are imported first: a pool loaded within would not be pinned.
    """
    from threadpoolctl import threadpool_limits

    for name in ("scipy.linalg", *libraries):
        importlib.import_module(name)
    with threadpool_limits(limits=1):
        yield
