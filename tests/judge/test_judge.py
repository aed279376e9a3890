"""The judge: shapes, any picture size, strength in 0..1, and that it can learn what a picture shows."""

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.judge import Judge


def test_any_size_of_image_gives_a_verdict() -> None:
    judge = Judge(image_size=32, widths=(8, 8), labels=("a", "b", "c")).eval()
    for size in (32, 70):
        verdict = judge(torch.rand(2, 3, size, size) * 2 - 1)
        assert verdict.logits.shape == (2, 3)
        assert verdict.envelope.shape == (2,)
        assert ((verdict.envelope >= 0) & (verdict.envelope <= 1)).all()


@pytest.mark.slow
def test_it_learns_the_direction_of_stripes_and_how_many_there_are() -> None:
    torch.manual_seed(0)
    judge = Judge(image_size=32, widths=(8, 16), labels=("across", "down"))
    optimiser = torch.optim.Adam(judge.parameters(), 5e-3)

    def batch(num: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kind, strength = torch.randint(2, (num,)), torch.rand(num)
        wave = torch.sin(torch.arange(32) * (0.4 + strength[:, None]) + 6 * torch.rand(num, 1))
        images = torch.where(kind[:, None, None] == 0, wave[:, None, :], wave[:, :, None])
        return images[:, None].expand(-1, 3, -1, -1), kind, strength

    for _ in range(80):
        images, kind, strength = batch(32)
        verdict = judge(images)
        loss = F.cross_entropy(verdict.logits, kind) + 4 * F.mse_loss(verdict.envelope, strength)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    images, kind, strength = batch(200)
    with torch.no_grad():
        verdict = judge(images)
    assert (verdict.logits.argmax(1) == kind).float().mean() > 0.9
    assert torch.corrcoef(torch.stack([verdict.envelope, strength]))[0, 1] > 0.8
