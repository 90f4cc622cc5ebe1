"""Count smoothing 次数平滑: what was shown again and again without success sinks, and comes back with time.

A score is multiplied by `1 / (1 + a·n + b·m)`. For a customer and a product, n is `Σ 0.5^(age / half-life)` over the days on which
it was shown to them since they last clicked or bought it; m is the mean of n over all customers to whom the product was shown.
`a` is `exposure_weight`, `b` is `product_exposure_weight`. The factor falls with every exposure, rises with every day without one, is
1 after a purchase, and is never 0: it changes the order of a list and never its length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.columns import CUSTOMER, DAY, PRODUCT
from shopmine.mining.contract import rows_until, text_array
from shopmine.mining.recommendations.history import positions, rows_at

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs
    from shopmine.mining.recommendations.candidates import Candidates
    from shopmine.mining.recommendations.config import RecommendationsConfig
    from shopmine.mining.recommendations.history import History

FRAME: Final = "exposures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """What was shown without success, up to a day.

    Attributes:
        config: the two weights.
        fading: (n_customers, n_products) n of each pair.
        of_product: (n_products,) m.
    """

    config: RecommendationsConfig
    fading: sparse.csr_matrix
    of_product: npt.NDArray[np.float64]

    @classmethod
    def of(cls, inputs: MiningInputs, history: History, config: RecommendationsConfig) -> Exposures:
        """From the frame `exposures` (customer, product, day: shown since the last success), where the shop tells of any."""
        shape = history.counts.shape
        if FRAME not in inputs.frames:
            return cls(config=config, fading=sparse.csr_matrix(shape), of_product=np.zeros(shape[1]))
        frame = rows_until(inputs.frame(FRAME, (CUSTOMER, PRODUCT, DAY)), inputs.day)
        row = positions(history.customers, text_array(frame[CUSTOMER]))
        column = positions(history.products, text_array(frame[PRODUCT]))
        age = (history.day - frame[DAY].to_numpy().astype("datetime64[D]")).astype(np.float64)
        known = (row >= 0) & (column >= 0)
        # Sorted by age, so that the order of the additions, and so their last bit, does not depend on that of the rows.
        order = np.lexsort((age[known], column[known], row[known]))
        value = np.power(0.5, age[known][order] / config.exposure_half_life_days)
        fading = sparse.csr_matrix((value, (row[known][order], column[known][order])), shape=shape)
        shown = fading.tocsc()
        n_shown = np.maximum(np.diff(shown.indptr), 1)
        return cls(config=config, fading=fading, of_product=np.asarray(shown.sum(axis=0)).ravel() / n_shown)

    def factors(self, pairs: Candidates, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """(n_pairs,) what the scores of candidates of these customers are multiplied by, above 0 and at most 1."""
        own = pairs.values(rows_at(self.fading, rows))
        weighed = (
            self.config.exposure_weight * own + self.config.product_exposure_weight * self.of_product[pairs.column]
        )
        return np.asarray(1.0 / (1.0 + weighed))
