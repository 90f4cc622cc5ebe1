# ruff: noqa: T201 - it prints what it measured
"""Time and memory of the neighbours beside implicit's, on an invented shop; and MovieLens u1 where its folder is given.

    PYTHONPATH=include python tests/benchmarks/neighbors.py [--customers N --products N --pairs N] [--movielens FOLDER]

Fit and the ten best new products of everybody. Each figure is measured in a process of its own, one after the other: seconds on
the wall, CPU seconds of all threads, and the peak of memory above the process with its libraries and the input loaded. Lists
come in blocks and are only counted and hashed. `lists` compares with the plain formula on a sample. Both kinds of shop have
popularity by a power law; in `groups` each customer buys mostly from one of fifty groups of products, in `chance` there is
nothing to learn.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import importlib
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

N_NEIGHBORS, N_BEST, N_CHECKED = 20, 10, 300
METHODS = ("implicit", "products by bought", "products", "customers IIF")
SIZES = ("customers", "products", "pairs")


def invented(kind: str, n_customers: int, n_products: int, n_pairs: int) -> sparse.csr_matrix:
    """As many different pairs as asked for, in a matrix of ones."""
    rng = np.random.default_rng(1)
    found = np.zeros(0, dtype=np.int64)
    group_of = rng.integers(0, 50, n_customers)
    while len(found) < n_pairs:
        product = np.minimum((n_products * rng.power(0.4, n_pairs)).astype(int), n_products - 1)
        customer = np.minimum((n_customers * rng.power(0.6, n_pairs)).astype(int), n_customers - 1)
        if kind == "groups":
            is_own = rng.random(n_pairs) < 0.8
            moved = np.minimum(product // 50 * 50 + group_of[customer], n_products - 1)
            product = np.where(is_own, moved, product)
        found = np.unique(np.concatenate([found, customer * n_products + product]))
    found = np.sort(rng.choice(found, n_pairs, replace=False))
    places = (found // n_products, found % n_products)
    return sparse.csr_matrix((np.ones(n_pairs), places), shape=(n_customers, n_products))


def memory(field: str) -> int:
    """MB of this process, by /proc."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{field}:")[1].split()[0]) // 1024


def load(method: str) -> None:
    names = ("implicit.nearest_neighbours",) if method == "implicit" else ("scores", "similarity")
    for name in names:
        importlib.import_module(name if "." in name else f"shopmine.mining.recommendations.{name}")


def lists_of(method: str, bought: sparse.csr_matrix, n_threads: int) -> tuple[Iterator[Any], Any]:
    """Rankings block by block, and what they were scored with."""
    if method == "implicit":
        return by_implicit(bought, n_threads), None
    from shopmine.mining.recommendations.neighbors import ITEM_CF, USER_IIF, find_neighbors
    from shopmine.mining.recommendations.scores import scores_by_customers, scores_by_products
    from shopmine.mining.recommendations.sparse_top import Limits

    limits = Limits(n_threads=n_threads)
    if method == "customers IIF":
        scores = scores_by_customers(bought, find_neighbors(bought, "customers", USER_IIF, limits))
    else:
        import dataclasses

        config = dataclasses.replace(ITEM_CF, n_neighbors=N_NEIGHBORS)
        near = find_neighbors(bought, "products", config, limits)
        scores = scores_by_products(bought, near, is_by_bought=method == "products by bought")
    return scores.top_products(N_BEST, skipped=bought, limits=limits), scores


def by_implicit(bought: sparse.csr_matrix, n_threads: int) -> Iterator[Any]:
    from implicit.nearest_neighbours import CosineRecommender

    warnings.simplefilter("ignore")
    model = CosineRecommender(K=N_NEIGHBORS + 1, num_threads=n_threads)  # A product is its own neighbour there.
    model.fit(bought, show_progress=False)
    for start in range(0, bought.shape[0], 2048):
        rows = np.arange(start, min(start + 2048, bought.shape[0]))
        yield model.recommend(rows, bought[rows], N=N_BEST)


def measure(method: str, file: Path, n_threads: int) -> dict[str, Any]:
    bought = sparse.load_npz(file)
    load(method)
    small = sparse.csr_matrix(bought[:200])
    list(lists_of(method, small, n_threads)[0])  # Compiled, or read from the cache.
    ctypes.CDLL(None).malloc_trim(0)  # What loading left behind is no room for what comes.
    Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew.
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    blocks, scores = lists_of(method, bought, n_threads)
    digest, n_entries = hashlib.sha256(), 0
    for block in blocks:
        parts = block if isinstance(block, tuple) else (block.row, block.column, block.score)
        n_entries += parts[1].size
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes())
    told = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "hash": digest.hexdigest()[:12]}
    told |= {"memory": memory("VmHWM") - before, "entries": n_entries}
    return told | {"lists": check(method, bought, scores)}


def check(method: str, bought: sparse.csr_matrix, scores: Any) -> str:
    """How many of a sample of lists and neighbours are those of the plain formula, ties by index."""
    if not method.startswith("products"):
        return "-"
    from shopmine.mining.recommendations.selection import Ranking

    rng = np.random.default_rng(2)
    count = np.asarray(bought.sum(axis=0)).ravel()
    near = scores.right if method == "products by bought" else sparse.csr_matrix(scores.right.T)
    n_same = 0
    for product in rng.choice(bought.shape[1], N_CHECKED, replace=False):
        together = np.asarray((bought.T[[product]] @ bought).todense()).ravel()
        cosine = together / np.maximum(np.sqrt(count[product]) * np.sqrt(count), 1e-300)
        cosine[product] = 0
        best = np.lexsort((np.arange(len(cosine)), -cosine))[:N_NEIGHBORS]
        n_same += sorted(best[cosine[best] > 0]) == near[product].indices.tolist()
    customers = np.sort(rng.choice(bought.shape[0], N_CHECKED, replace=False))
    blocks = type(scores)(left=scores.left[customers], right=scores.right).top_products(N_BEST)
    found = Ranking.concatenate(list(blocks))
    for number, customer in enumerate(customers):
        plain = np.asarray((bought[[customer]] @ scores.right).todense()).ravel()
        best = np.lexsort((np.arange(len(plain)), -plain))[:N_BEST]
        n_same += best[plain[best] > 0].tolist() == found.column[found.row == number].tolist()
    return f"{n_same}/{2 * N_CHECKED}"


def movielens(folder: Path) -> None:
    from shopmine.mining.recommendations.neighbors import SimilarityConfig, find_neighbors
    from shopmine.mining.recommendations.ratings import RatingsConfig, predict_ratings

    train, test = (np.loadtxt(folder / "raw" / name, dtype=np.int64) for name in ("u1.base", "u1.test"))
    ratings = sparse.csr_matrix((train[:, 2].astype(float), (train[:, 0] - 1, train[:, 1] - 1)), shape=(943, 1682))
    print(f"\nMovieLens u1, k = 40\n{'neighbours':12}{'similarity':12}{'centre':10}{'RMSE':>8}{'MAE':>8}")
    for of, name, centre in [
        ("customers", "msd", "none"),
        ("customers", "pearson", "none"),
        ("customers", "msd", "baseline"),
        ("products", "cosine", "baseline"),
    ]:
        near = find_neighbors(ratings, of, SimilarityConfig(measure=name, n_neighbors=2000))  # type: ignore[arg-type]
        pairs = (test[:, 0] - 1, test[:, 1] - 1)
        wrong = predict_ratings(ratings, near, of, pairs, RatingsConfig(centre=centre)) - test[:, 2]  # type: ignore[arg-type]
        print(f"{of:12}{name:12}{centre:10}{np.sqrt((wrong**2).mean()):8.4f}{np.abs(wrong).mean():8.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, size in zip(SIZES, (200_000, 20_000, 5_000_000), strict=True):
        parser.add_argument(f"--{name}", type=int, default=size)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kinds", nargs="*", default=["groups", "chance"])
    parser.add_argument("--methods", nargs="*", default=METHODS)
    parser.add_argument("--movielens", type=Path)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one[0], Path(asked.one[1]), asked.threads)))
        return
    sizes = tuple(getattr(asked, name) for name in SIZES)
    print(f"{sizes[0]:,} customers × {sizes[1]:,} products, {sizes[2]:,} pairs, {asked.threads} threads")
    print(f"{'shop':8}{'method':20}{'wall s':>8}{'CPU s':>8}{'MB':>6}{'entries':>11}  {'lists':10}hash")
    for kind in asked.kinds:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bought.npz"
            sparse.save_npz(file, invented(kind, *sizes), compressed=False)
            for method in asked.methods:
                command = [sys.executable, __file__, "--one", method, str(file), f"--threads={asked.threads}"]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                x = json.loads(done.stdout.splitlines()[-1])
                figures = f"{x['wall']:8.2f}{x['cpu']:8.2f}{x['memory']:6}{x['entries']:11,}"
                print(f"{kind:8}{method:20}{figures}  {x['lists']:10}{x['hash']}", flush=True)
    if asked.movielens:
        movielens(asked.movielens)


if __name__ == "__main__":
    main()
