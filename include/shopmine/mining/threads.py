"""One thread where a library adds up in parallel: the same bytes on any machine, and no fight between tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def single_thread() -> Iterator[None]:
    """Within it BLAS and OpenMP use one thread."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
