import torch

from impasto_daemon.style_transfer.segmentation.clustering import k_means, merges


def clouds(*centres: float, count: int = 20) -> torch.Tensor:
    """Returns points (n, 2) around some centres on the diagonal."""
    generator = torch.Generator().manual_seed(0)
    means = torch.tensor(centres).repeat_interleave(count)[:, None]
    return means + 0.1 * torch.randn(len(means), 2, generator=generator)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_k_means_finds_separate_clouds() -> None:
    cells = k_means(clouds(0, 5, 9), 3, seeded()).view(3, 20)

    assert (cells == cells[:, :1]).all()
    assert len(set(cells[:, 0].tolist())) == 3


def test_k_means_depends_on_its_seed_alone() -> None:
    points = clouds(0, 1, 2, 3)

    assert torch.equal(k_means(points, 7, seeded()), k_means(points, 7, seeded()))


def test_k_means_accepts_points_that_are_all_the_same() -> None:
    assert len(k_means(torch.ones(10, 2), 3, seeded())) == 10


def squared_distances(points: torch.Tensor, clusters: torch.Tensor) -> float:
    """Returns the sum of the squared distances of points to the means of their clusters."""
    members = [points[clusters == number] for number in torch.unique(clusters)]
    return sum(float((part - part.mean(dim=0)).square().sum()) for part in members)


def test_each_merge_costs_what_it_adds_to_the_squared_distances() -> None:
    generator = torch.Generator().manual_seed(4)
    points = torch.rand(6, 3, generator=generator, dtype=torch.float64)

    history = merges(points, torch.ones(6))

    states = [*(merge.clusters for merge in history), torch.zeros(6)]
    sums = [squared_distances(points, state) for state in states]
    assert [len(torch.unique(state)) for state in states] == [6, 5, 4, 3, 2, 1]
    for merge, before, after in zip(history, sums, sums[1:], strict=False):
        assert abs(after - before - merge.cost) < 1e-9


def test_the_cheapest_pair_is_merged_and_small_cells_are_cheap() -> None:
    centres = torch.tensor([[0.0], [1.0], [3.0]])

    first, second = merges(centres, torch.tensor([10.0, 10.0, 0.1]))

    assert first.clusters.tolist() == [0, 1, 2]
    assert second.clusters.tolist() == [0, 1, 1]
