"""Create the schemas, tables, sequences and views of the first version."""

from collections.abc import Sequence
from pathlib import Path

from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Run the frozen SQL beside this file; later changes of the metadata never change it."""
    text = Path(__file__).with_name("0001_first.sql").read_text(encoding="utf-8")
    op.get_bind().exec_driver_sql(text)
