"""Count rows that a shop does not keep, and values that were discarded alone; the public calendar and outliers."""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Run the frozen SQL beside this file, in order; later changes of the metadata never change it."""
    for path in sorted(Path(__file__).with_name("sql_0008").glob("*.sql")):
        op.get_bind().exec_driver_sql(path.read_text(encoding="utf-8"))
