"""The fixed filter and its gradients of any order are those of torch's convolution by groups."""

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.kernels.upfirdn2d import resample_filter, upfirdn2d


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("size", [6, 7])
def test_values_and_gradients_of_both_orders(stride, padding, size):
    taps = resample_filter().double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    theirs = F.conv2d(x, taps.expand(3, 1, 4, 4), stride=stride, padding=padding, groups=3)
    ours = upfirdn2d(x, taps, stride=stride, padding=padding)
    assert torch.allclose(ours, theirs)

    def second(y):
        """The gradient, and the gradient of what was made from it."""
        (first,) = torch.autograd.grad((y.square() * y).sum(), x, create_graph=True)
        return first, *torch.autograd.grad(first.square().sum(), x)

    for own, their in zip(second(ours), second(theirs), strict=True):
        assert torch.allclose(own, their)


def test_without_gradients_it_is_the_plain_convolution():
    x = torch.randn(1, 2, 8, 8)
    assert upfirdn2d(x, resample_filter(), padding=1).grad_fn is None
    assert torch.equal(upfirdn2d(x, resample_filter(), padding=1), upfirdn2d(x.requires_grad_(True), resample_filter(), padding=1).detach())
