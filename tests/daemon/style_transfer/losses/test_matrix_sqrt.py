"""The root of a matrix by products alone, compared with that by eigenvalues."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from impasto_daemon.style_transfer.losses.matrix_sqrt import Root, matrix_sqrt

_SPECTRA = {
    "graded": torch.logspace(-7, 0, 60),
    "alike": torch.ones(60),
    "of low rank": torch.cat((torch.linspace(0.1, 1, 5), torch.zeros(55))),
    "of rank one": torch.cat((torch.ones(1), torch.zeros(59))),
    "of rank one but for rounding": torch.cat((torch.ones(1), torch.full((59,), 1e-12))),
    "of two channels": torch.tensor([1.0, 0.0]),
    "with negative ones, which rounding leaves": torch.cat(
        (-torch.logspace(-12, -7, 20), torch.logspace(-9, 0, 40))
    ),
}


def by_eigenvalues(matrix: Tensor, floor: Tensor) -> Root:
    values, vectors = torch.linalg.eigh(matrix)
    roots = (values.clamp_min(0) + floor).sqrt()
    return Root(roots.sum(), (vectors / roots) @ vectors.T)


def matrix_with(spectrum: Tensor, size: float) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    drawn = torch.randn(len(spectrum), len(spectrum), generator=generator, dtype=torch.float64)
    vectors, _ = torch.linalg.qr(drawn)
    matrix = size * (vectors * spectrum.double()) @ vectors.T
    return (matrix + matrix.T) / 2


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("name", list(_SPECTRA))
def test_it_is_the_root_by_eigenvalues(name: str, size: float) -> None:
    matrix = matrix_with(_SPECTRA[name], size)
    floor = torch.tensor(1e-11 * size, dtype=torch.float64)

    root, expected = matrix_sqrt(matrix, floor), by_eigenvalues(matrix, floor)

    torch.testing.assert_close(root.trace, expected.trace, rtol=1e-7, atol=0)
    difference = (root.inverse - expected.inverse).norm() / expected.inverse.norm()
    assert difference < 1e-4


def test_a_matrix_is_not_quite_symmetric_after_rounding() -> None:
    matrix = matrix_with(_SPECTRA["of low rank"], 1.0)
    generator = torch.Generator().manual_seed(2)
    rounding = torch.randn(matrix.shape, generator=generator, dtype=torch.float64)
    rounded = matrix + 3e-8 * rounding
    floor = torch.tensor(1e-11, dtype=torch.float64)

    root, expected = matrix_sqrt(rounded, floor), by_eigenvalues((rounded + rounded.T) / 2, floor)

    torch.testing.assert_close(root.trace, expected.trace, rtol=1e-6, atol=0)
    assert (root.inverse - expected.inverse).norm() / expected.inverse.norm() < 1e-3


def test_a_matrix_of_zeros_has_the_root_of_the_floor() -> None:
    floor = torch.tensor(4e-8, dtype=torch.float64)

    root = matrix_sqrt(torch.zeros(7, 7, dtype=torch.float64), floor)

    torch.testing.assert_close(root.trace.item(), 7 * 2e-4)
    torch.testing.assert_close(root.inverse, torch.eye(7, dtype=torch.float64) / 2e-4)


def test_what_is_not_a_number_stays_so() -> None:
    matrix = torch.full((3, 3), torch.nan, dtype=torch.float64)

    root = matrix_sqrt(matrix, torch.tensor(1e-9, dtype=torch.float64))

    assert root.trace.isnan()
    assert root.inverse.isnan().all()
