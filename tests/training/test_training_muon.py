"""Muon: every direction of a layer's matrix moves by as much."""

import copy

import pytest
import torch

from sgvg_core.training.runs.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (12, 12)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    u, _, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -1.5, min(shape))) @ v  # from 1 to a thirtieth
    found = orthogonalised(matrix)
    assert found.shape == shape
    assert found.dtype == matrix.dtype
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.5
    assert values.max() < 1.3
    assert ((u.T @ found @ v.T).diagonal() > 0.5).all(), "the directions stay as they are"


def test_nothing_moves_what_has_no_gradient() -> None:
    assert not orthogonalised(torch.zeros(3, 5)).any()
    weight = torch.nn.Parameter(torch.ones(3, 5))
    Muon([weight], 0.1).step()
    assert torch.equal(weight, torch.ones(3, 5))


def test_a_step_is_of_the_size_of_its_rate_against_the_gradient() -> None:
    torch.manual_seed(1)
    for shape in ((8, 30), (30, 8), (8, 4, 3, 3)):
        weight = torch.nn.Parameter(torch.zeros(shape))
        weight.grad = torch.randn(shape) * 1e-3
        Muon([weight], 0.02).step()
        assert weight.square().mean().sqrt().item() == pytest.approx(0.02, rel=0.2)
        assert (weight * weight.grad).sum() < 0


def test_a_convolution_is_a_matrix_with_a_row_an_output() -> None:
    torch.manual_seed(2)
    conv = torch.nn.Parameter(torch.zeros(6, 4, 3, 3))
    conv.grad = torch.randn(6, 4, 3, 3)
    matrix = torch.nn.Parameter(torch.zeros(6, 36))
    matrix.grad = conv.grad.flatten(1).clone()
    last = copy.deepcopy(conv)
    last.grad = conv.grad.clone()
    last.data = last.data.contiguous(memory_format=torch.channels_last)
    for weight in (conv, matrix, last):
        Muon([weight], 0.02).step()
    assert torch.equal(conv.flatten(1), matrix)
    torch.testing.assert_close(last, conv)


def test_momentum_is_nesterovs() -> None:
    first, second = torch.eye(3), torch.diag(torch.tensor([1.0, -1.0, 0.2]))
    weight = torch.nn.Parameter(torch.zeros(3, 3))
    optimiser = Muon([weight], 1.0, momentum=0.5)
    weight.grad = first
    optimiser.step()
    before = weight.detach().clone()
    weight.grad = second
    optimiser.step()
    mean = 0.5 * (0.5 * first) + 0.5 * second
    wanted = orthogonalised(0.5 * second + 0.5 * mean) * 3**0.5
    torch.testing.assert_close(before - weight.detach(), wanted)


def test_it_goes_on_from_its_state() -> None:
    def steps(weight: torch.nn.Parameter, optimiser: Muon, numbers: range) -> None:
        for number in numbers:
            weight.grad = torch.randn(4, 9, generator=torch.Generator().manual_seed(number))
            optimiser.step()

    whole = torch.nn.Parameter(torch.zeros(4, 9))
    steps(whole, Muon([whole], 0.1), range(6))
    part = torch.nn.Parameter(torch.zeros(4, 9))
    killed = Muon([part], 0.1)
    steps(part, killed, range(3))
    resumed = Muon([part], 0.1)
    resumed.load_state_dict(copy.deepcopy(killed.state_dict()))
    steps(part, resumed, range(3, 6))
    assert torch.equal(part, whole)
