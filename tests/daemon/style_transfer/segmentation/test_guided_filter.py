import pytest
import torch

from impasto_daemon.style_transfer.segmentation.guided_filter import guided_filter

EPSILON = 1e-3


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

    filtered = guided_filter(masks, photo, radius_px=radius, epsilon=EPSILON)

    for mask, result in zip(masks[:, 0], filtered[:, 0], strict=True):
        expected = filtered_by_the_formula(mask, photo[0], radius)
        assert torch.allclose(result, expected, atol=1e-4)


def test_masks_stay_one_in_sum() -> None:
    generator = torch.Generator().manual_seed(2)
    photo = torch.rand(1, 3, 20, 30, generator=generator)
    masks = torch.rand(3, 1, 10, 15, generator=generator)
    masks /= masks.sum(dim=0)

    filtered = guided_filter(masks, photo, radius_px=2, epsilon=EPSILON)

    assert torch.allclose(filtered.sum(dim=0), torch.ones(1, 20, 30), atol=1e-4)


def test_mask_moves_to_the_edge_of_a_larger_photo() -> None:
    photo = torch.zeros(1, 3, 40, 40)
    photo[..., 20:] = 1
    mask = torch.zeros(1, 1, 20, 20)
    mask[..., 12:] = 1  # two of its pixels too far to the right

    filtered = guided_filter(mask, photo, radius_px=5, epsilon=1e-6)[0, 0]

    assert filtered[20, 18] < 0.2
    assert filtered[20, 21] - filtered[20, 18] > 0.4
