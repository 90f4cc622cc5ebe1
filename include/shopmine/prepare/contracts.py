"""What becomes of values that do not fit their column: by the contract that the shop's file declares for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shopmine.errors import DataError

if TYPE_CHECKING:
    from shopmine.config.entities import EntityConfig
    from shopmine.prepare.rows import Problems


def settle_contract(entity: EntityConfig, column: str, values: pa.Array, own: Problems, problems: Problems) -> pa.Array:
    """A column's values after its contract.

    Args:
        entity: its file says the contract.
        column: canonical column.
        values: (n_rows,) typed values.
        own: what does not fit in this column alone.
        problems: gets the rows that cannot be kept, or the values that are discarded alone.

    Raises:
        DataError: the column is frozen and something does not fit.
    """
    contract = entity.contract_of(column)
    if not own.reasons:
        return values
    if contract == "freeze":
        sources = ", ".join(entity.fields[column].sources) if column in entity.fields else ""
        raise DataError(
            f"{entity.name}.{column} (from {sources or 'no column'}) is frozen, but {len(own.reasons)} rows have a value that is "
            f"no {entity.canonical.by_name[column].type} or is outside its bounds; mend them in the source, or set another "
            'contract for this field, like "discard_value"; nothing of these days is prepared until then'
        )
    if contract != "discard_value":
        for row, reasons in own.reasons.items():
            problems.add([row] * len(reasons), reasons)
        return values
    for row, reasons in own.reasons.items():
        problems.discarded.setdefault(row, []).append((column, "; ".join(reasons)))
    is_bad = np.zeros(len(values), dtype=bool)
    is_bad[list(own.reasons)] = True
    return pc.if_else(pa.array(is_bad), pa.scalar(None, values.type), values)
