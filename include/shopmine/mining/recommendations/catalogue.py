"""What is known of the products of a day's history: name, category, and which of them are alike by name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from shopmine.columns import PRODUCT
from shopmine.mining.contract import text_array
from shopmine.mining.recommendations.history import positions
from shopmine.mining.recommendations.selection import Ranking
from shopmine.mining.recommendations.sparse_top import top_of_product

if TYPE_CHECKING:
    from shopmine.mining.contract import MiningInputs

COLUMNS: Final = (PRODUCT, "name", "category")
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
"""A word of letters and digits, or one Chinese character."""
_LEAST_ALIKE: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The products of a history, in its order.

    Attributes:
        names: (n_products,) the id where there is no name.
        category: (n_products,) code of the category, −1 where there is none.
        labels: (n_categories,) names of the categories.
    """

    names: npt.NDArray[np.object_]
    category: npt.NDArray[np.int64]
    labels: npt.NDArray[np.str_]

    @classmethod
    def of(cls, inputs: MiningInputs, products: npt.NDArray[np.object_]) -> Catalogue:
        """What `product_features` say of these products."""
        frame = inputs.frame("product_features", COLUMNS)
        known = text_array(frame[PRODUCT])
        order = np.argsort(known, kind="stable")
        place = positions(known[order], products)
        is_known = place >= 0
        row = order[np.maximum(place, 0)] if len(order) else place
        names, categories = products.copy(), np.full(len(products), None)
        for target, column in ((names, "name"), (categories, "category")):
            found = np.array(frame[column].to_pylist(), dtype=object)[row[is_known]]
            there = np.array([value is not None for value in found], dtype=bool)
            target[np.flatnonzero(is_known)[there]] = found[there]
        has_category = np.array([value is not None for value in categories], dtype=bool)
        code = np.full(len(products), -1, dtype=np.int64)
        labels, code[has_category] = np.unique(categories[has_category].astype(str), return_inverse=True)
        return cls(names=names, category=code, labels=labels)

    def membership(self) -> sparse.csr_matrix:
        """(n_products, n_categories) 1 where a product is of a category."""
        row = np.flatnonzero(self.category >= 0)
        shape = (len(self.category), len(self.labels))
        return sparse.csr_matrix((np.ones(len(row)), (row, self.category[row])), shape=shape)

    def alike(self, n_neighbors: int) -> sparse.csr_matrix:
        """(n_products, n_products) cosine of the names' words by TF-IDF, of each product's nearest, from 0.2 on."""
        words = _words(self.names)
        itself = sparse.csr_matrix(sparse.identity(len(self.names)))
        near = Ranking.concatenate(list(top_of_product(words, sparse.csr_matrix(words.T), n_neighbors, skipped=itself)))
        kept = near.score >= _LEAST_ALIKE
        found = sparse.csr_matrix((near.score[kept], (near.row[kept], near.column[kept])), shape=itself.shape)
        found.sort_indices()
        return found


def _words(names: npt.NDArray[np.object_]) -> sparse.csr_matrix:
    """(n_products, n_words) TF-IDF of the names, rows of length 1; a word that only one name has is no evidence."""
    texts = [sorted(set(_WORD.findall(str(name).lower()))) for name in names]
    codes = np.unique(
        np.array([word for text in texts for word in text], dtype=object).astype(str), return_inverse=True
    )
    row = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    count = np.bincount(codes[1], minlength=len(codes[0]))
    weight = np.log(len(names) / count[codes[1]]) * (count[codes[1]] > 1)
    length = np.sqrt(np.bincount(row, weights=weight**2, minlength=len(texts)))
    value = weight / np.where(length > 0, length, 1.0)[row]
    kept = value > 0
    return sparse.csr_matrix((value[kept], (row[kept], codes[1][kept])), shape=(len(texts), len(codes[0])))
