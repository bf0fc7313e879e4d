"""Nearest neighbours by cosine similarity: exact among few vectors, by an inverted file among many.

An inverted file (Jégou, Douze and Schmid 2011, section IV) divides the vectors into lists around
k-means centroids, and compares a query with the vectors of the nearest lists alone. With the square
root of the number of vectors as the number of lists, the work per query grows with that root.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from impasto_daemon.style_transfer.losses.moments import precise

# Beyond this many comparisons an inverted file takes a tenth of the time, and finds nine of ten
# nearest neighbours; the others are nearly as near.
_EXACT_COMPARISONS = 2**26
_PROBES = 4
_ROUNDS = 6
_BLOCK = 2**25
# The most queries that are converted and normalised at a time.
_QUERIES = 2**16


def nearest_neighbours(queries: Tensor, vectors: Tensor, mean: Tensor | None = None) -> Tensor:
    """Returns the index of the vector with the largest cosine similarity to each query: (n).

    queries: (n, C), of any precision; mean: (C), subtracted from them. vectors: (m, C), m >= 1.
    The same input gives the same result on the same CPU.
    """
    vectors = functional.normalize(vectors)
    is_small = len(queries) * len(vectors) <= _EXACT_COMPARISONS
    search = partial(_nearest, vectors=vectors) if is_small else InvertedFile(vectors).search
    indices = []
    for start in range(0, len(queries), _QUERIES):
        block = precise(queries[start : start + _QUERIES])
        indices.append(search(functional.normalize(block if mean is None else block - mean)))
    return torch.cat(indices)


class InvertedFile:
    """Unit vectors (m, C) in lists around centroids."""

    def __init__(self, vectors: Tensor) -> None:
        centroids = _k_means(vectors, round(math.sqrt(len(vectors))))
        lists = _nearest(vectors, centroids)
        # Equal vectors, of a plain background, leave lists empty: probes of those are lost.
        lengths = lists.bincount(minlength=len(centroids))
        used = lengths.nonzero().squeeze(1)
        self._centroids = centroids[used]
        self._lengths = lengths[used].tolist()
        self._order = lists.argsort(stable=True)
        self._vectors = vectors[self._order]
        self._probes = min(_PROBES, len(used))

    def search(self, queries: Tensor) -> Tensor:
        """Returns the index of the most similar vector in the nearest lists of each query: (n)."""
        probes = torch.cat(
            [
                (block @ self._centroids.T).topk(self._probes, dim=1).indices
                for block in _blocks(queries, self._centroids)
            ]
        ).flatten()
        similarities = queries.new_full(probes.shape, -math.inf)
        candidates = torch.zeros_like(probes)
        # Grouped by list, so that each list is one matrix product.
        searches = probes.argsort(stable=True)
        counts = probes.bincount(minlength=len(self._centroids)).tolist()
        first_search = first_vector = 0
        for count, length in zip(counts, self._lengths, strict=True):
            of_list = searches[first_search : first_search + count]
            vectors = self._vectors[first_vector : first_vector + length]
            # In blocks: most vectors of a plain painting are in one list.
            for block in _blocks(of_list, vectors):
                best = (queries[block // self._probes] @ vectors.T).max(dim=1)
                similarities[block] = best.values
                candidates[block] = best.indices + first_vector
            first_search, first_vector = first_search + count, first_vector + length
        best_probe = similarities.view(-1, self._probes).argmax(dim=1, keepdim=True)
        return self._order[candidates.view(-1, self._probes).gather(1, best_probe).squeeze(1)]


def _k_means(vectors: Tensor, count: int) -> Tensor:
    """Returns `count` unit centroids of unit vectors, by Lloyd's algorithm."""
    generator = torch.Generator().manual_seed(0)
    chosen = torch.randperm(len(vectors), generator=generator)[:count].to(vectors.device)
    centroids = vectors[chosen]
    for _ in range(_ROUNDS):
        sums = torch.zeros_like(centroids).index_add_(0, _nearest(vectors, centroids), vectors)
        # A centroid without vectors stays where it is.
        is_empty = sums.square().sum(dim=1, keepdim=True) == 0
        centroids = torch.where(is_empty, centroids, functional.normalize(sums))
    return centroids


def _nearest(queries: Tensor, vectors: Tensor) -> Tensor:
    return torch.cat([(block @ vectors.T).argmax(dim=1) for block in _blocks(queries, vectors)])


def _blocks(queries: Tensor, vectors: Tensor) -> Iterator[Tensor]:
    """Yields the queries in blocks whose similarities to all vectors fit into memory."""
    length = max(1, _BLOCK // len(vectors))
    for start in range(0, len(queries), length):
        yield queries[start : start + length]
