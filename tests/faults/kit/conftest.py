"""One drill a module: its scratch shop is made once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.shared_servers import ServerUrls
    from shopmine.drill.experiments import Drill


@pytest.fixture(scope="module")
def drill(server_urls: ServerUrls) -> Iterator[Drill]:
    from shopmine.drill.experiments import Drill
    from shopmine.drill.scratch import Servers, scratch_shop

    servers = Servers(postgres=server_urls.postgres, mysql=server_urls.mysql, mongo=server_urls.mongo)
    with scratch_shop(servers) as scratch:
        yield Drill(scratch)
