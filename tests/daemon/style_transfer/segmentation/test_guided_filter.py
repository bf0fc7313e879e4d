import pytest
import torch
from torch.nn import functional

from impasto_daemon.style_transfer.segmentation.guided_filter import GuidedFilter

EPSILON = 1e-3


def filtered(masks: torch.Tensor, photo: torch.Tensor, radius: int) -> torch.Tensor:
    """Returns each of `masks` (k, 1, h, w), filtered, at the size of `photo`."""
    guide = functional.interpolate(photo, masks.shape[2:], mode="area")
    guided = GuidedFilter(guide, radius_px=radius, epsilon=EPSILON)
    return torch.cat([guided.filtered(mask, photo) for mask in torch.split(masks, 1)])


def filtered_by_the_formula(mask: torch.Tensor, photo: torch.Tensor, radius: int) -> torch.Tensor:
    """Returns equations 14 to 16 of He et al. 2013, window by window.

    mask: (h, w); photo: (3, h, w).
    """
    height, width = mask.shape
    factors, offsets = torch.zeros(height, width, 3), torch.zeros(height, width)

    def window(row: int, column: int) -> tuple[slice, slice]:
        rows = slice(max(0, row - radius), row + radius + 1)
        return rows, slice(max(0, column - radius), column + radius + 1)

    for row in range(height):
        for column in range(width):
            inside = window(row, column)
            colours = photo[:, *inside].flatten(1)  # (3, n)
            values = mask[inside].flatten()
            mean = colours.mean(dim=1)
            variance = (colours - mean[:, None]) @ (colours - mean[:, None]).T / len(values)
            covariance = (colours * values).mean(dim=1) - mean * values.mean()
            a = torch.linalg.inv(variance + EPSILON * torch.eye(3)) @ covariance
            factors[row, column], offsets[row, column] = a, values.mean() - a @ mean
    result = torch.zeros(height, width)
    for row in range(height):
        for column in range(width):
            inside = window(row, column)
            a = factors[inside].flatten(0, 1).mean(dim=0)
            result[row, column] = a @ photo[:, row, column] + offsets[inside].mean()
    return result


@pytest.mark.parametrize("radius", [1, 3])
def test_filter_is_that_of_the_paper(radius: int) -> None:
    generator = torch.Generator().manual_seed(1)
    photo = torch.rand(1, 3, 7, 9, generator=generator)
    masks = torch.rand(2, 1, 7, 9, generator=generator)

    results = filtered(masks, photo, radius)

    for mask, result in zip(masks[:, 0], results[:, 0], strict=True):
        expected = filtered_by_the_formula(mask, photo[0], radius)
        assert torch.allclose(result, expected, atol=1e-4)


def test_masks_stay_one_in_sum() -> None:
    generator = torch.Generator().manual_seed(2)
    photo = torch.rand(1, 3, 20, 30, generator=generator)
    masks = torch.rand(3, 1, 10, 15, generator=generator)
    masks /= masks.sum(dim=0)

    results = filtered(masks, photo, 2)

    assert torch.allclose(results.sum(dim=0), torch.ones(1, 20, 30), atol=1e-4)


def test_mask_moves_to_the_edge_of_a_larger_photo() -> None:
    photo = torch.zeros(1, 3, 40, 40)
    photo[..., 20:] = 1
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 12:] = 1  # two of its pixels too far to the right

    result = filtered(mask, photo, 5)[0, 0]

    assert result[20, 18] < 0.2
    assert result[20, 21] - result[20, 18] > 0.4
