from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from impasto_daemon.style_transfer.losses import nearest_neighbours as module
from impasto_daemon.style_transfer.losses.nearest_neighbours import (
    InvertedFile,
    nearest_neighbours,
)


def gaussian(count: int, channels: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, channels, generator=generator, dtype=torch.float64)


def clustered(count: int, *, seed: int, channels: int = 24, clusters: int = 40) -> Tensor:
    """Returns vectors around centres that are the same for every seed."""
    centres = gaussian(clusters, channels, seed=100)
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(clusters, (count,), generator=generator)
    return centres[labels] + 0.4 * gaussian(count, channels, seed=seed)


def brute_force(queries: Tensor, vectors: Tensor) -> NDArray[np.int64]:
    """Returns the nearest vector of each query by comparing all pairs, one query at a time."""
    columns = vectors.numpy()
    lengths = np.linalg.norm(columns, axis=1)
    result: NDArray[np.int64] = np.array(
        [
            np.argmax(columns @ query / (lengths * np.linalg.norm(query)))
            for query in queries.numpy()
        ]
    )
    return result


def similarities(queries: Tensor, vectors: Tensor, indices: Tensor) -> Tensor:
    return functional.cosine_similarity(queries, vectors[indices], dim=1)


@pytest.fixture
def always_inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EXACT_COMPARISONS", 0)


@pytest.mark.parametrize(("queries", "vectors"), [(1, 1), (1, 50), (70, 1), (200, 130)])
def test_few_vectors_are_compared_exactly(queries: int, vectors: int) -> None:
    one, other = gaussian(queries, 7, seed=1), gaussian(vectors, 7, seed=2)

    np.testing.assert_array_equal(nearest_neighbours(one, other).numpy(), brute_force(one, other))


def test_lengths_do_not_matter() -> None:
    queries, vectors = gaussian(60, 5, seed=1), gaussian(40, 5, seed=2)
    lengths = torch.linspace(0.01, 100, 40, dtype=torch.float64).unsqueeze(1)

    expected = nearest_neighbours(queries, vectors)

    assert torch.equal(nearest_neighbours(3 * queries, lengths * vectors), expected)


def test_opposite_vector_is_the_least_similar() -> None:
    query = torch.tensor([[1.0, 2.0]])

    assert nearest_neighbours(query, torch.cat([-query, torch.tensor([[1.0, -2.0]])])).item() == 1


@pytest.mark.parametrize("block", [1, 130, 131, 1000])
def test_blocks_of_queries_are_found_like_all_at_once(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    queries, vectors = gaussian(50, 6, seed=3), gaussian(130, 6, seed=4)
    monkeypatch.setattr(module, "_BLOCK", block)

    result = nearest_neighbours(queries, vectors)

    np.testing.assert_array_equal(result.numpy(), brute_force(queries, vectors))


def test_inverted_file_finds_nearly_all_and_otherwise_the_like() -> None:
    queries, vectors = clustered(3000, seed=1), clustered(5000, seed=2)
    exact = nearest_neighbours(queries, vectors)

    result = InvertedFile(functional.normalize(vectors)).search(functional.normalize(queries))

    assert (result == exact).double().mean() >= 0.85
    reached = similarities(queries, vectors, result).mean()
    assert reached >= 0.99 * similarities(queries, vectors, exact).mean()


@pytest.mark.usefixtures("always_inverted")
def test_many_comparisons_are_left_to_an_inverted_file() -> None:
    queries, vectors = gaussian(400, 24, seed=1), gaussian(900, 24, seed=2)
    directions = functional.normalize(vectors)

    result = nearest_neighbours(5 * queries, 2 * vectors)

    expected = InvertedFile(directions).search(functional.normalize(queries))
    assert torch.equal(result, expected)
    assert not np.array_equal(result.numpy(), brute_force(queries, vectors))


@pytest.mark.parametrize(("exact_comparisons", "is_exact"), [(400 * 900, True), (359_999, False)])
def test_number_of_comparisons_decides_how_to_search(
    monkeypatch: pytest.MonkeyPatch, exact_comparisons: int, *, is_exact: bool
) -> None:
    queries, vectors = gaussian(400, 24, seed=1), gaussian(900, 24, seed=2)
    monkeypatch.setattr(module, "_EXACT_COMPARISONS", exact_comparisons)

    result = nearest_neighbours(queries, vectors)

    assert np.array_equal(result.numpy(), brute_force(queries, vectors)) is is_exact


@pytest.mark.usefixtures("always_inverted")
def test_vectors_of_an_inverted_file_are_their_own_neighbours() -> None:
    vectors = clustered(1000, seed=5)

    assert torch.equal(nearest_neighbours(vectors, vectors), torch.arange(1000))


@pytest.mark.usefixtures("always_inverted")
def test_inverted_file_gives_the_same_every_time() -> None:
    queries, vectors = clustered(500, seed=6), clustered(800, seed=7)

    first = nearest_neighbours(queries, vectors)
    torch.manual_seed(1)

    assert torch.equal(nearest_neighbours(queries, vectors), first)


@pytest.mark.usefixtures("always_inverted")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 12, 17])
def test_inverted_file_of_few_vectors_finds_all(count: int) -> None:
    queries, vectors = gaussian(100, 5, seed=8), gaussian(count, 5, seed=9)

    result = nearest_neighbours(queries, vectors)

    # No more lists than are probed: the search is exact.
    np.testing.assert_array_equal(result.numpy(), brute_force(queries, vectors))


@pytest.mark.usefixtures("always_inverted")
def test_vectors_that_are_all_equal_do_not_hide_each_other() -> None:
    # As in a painting with a plain background: its centroids are equal, and all but one empty.
    plain = gaussian(1, 8, seed=10)
    vectors = torch.cat([plain.expand(900, 8), gaussian(100, 8, seed=11)])
    queries = torch.cat([plain + 0.01 * gaussian(50, 8, seed=12), vectors[900:]])

    result = nearest_neighbours(queries, vectors)

    assert similarities(queries, vectors, result).min() > 0.99


class Products(TorchFunctionMode):
    """Records the size of the largest matrix product."""

    largest = 0

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in (Tensor.matmul, Tensor.__matmul__):
            self.largest = max(self.largest, result.numel())
        return result


@pytest.mark.usefixtures("always_inverted")
def test_no_product_is_larger_than_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 5000)
    plain = gaussian(1, 8, seed=10)
    vectors = torch.cat([plain.expand(900, 8), gaussian(100, 8, seed=11)])
    queries = plain + 0.01 * gaussian(300, 8, seed=12)

    with Products() as products:
        result = nearest_neighbours(queries, vectors)

    assert 900 <= products.largest <= 5000
    assert similarities(queries, vectors, result).min() > 0.99
