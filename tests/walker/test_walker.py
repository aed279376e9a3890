"""The walk: state carried over, batches equal to their members, strengths, pull, the released way."""

import dataclasses

import pytest
import torch

from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.walker import RecurrentWalker, WalkSettings, WalkState, roll_out, take_step

L, D = 8, 6


@pytest.fixture
def walker() -> RecurrentWalker:
    torch.manual_seed(1)
    return RecurrentWalker(num_ws=L, w_dim=D, bounds=(3, 6), hidden=10, num_layers=2, walk_rate=10.0).eval()


def heard(num: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(num, L, D, generator=torch.Generator().manual_seed(seed))


def walk(walker: RecurrentWalker, batches: list[torch.Tensor], settings: WalkSettings | None = None) -> torch.Tensor:
    return torch.cat(list(roll_out(walker, heard(1, 9), batches, settings)))


def test_n_then_m_steps_equal_n_plus_m(walker: RecurrentWalker) -> None:
    whole = walk(walker, [heard(13)])
    assert torch.equal(whole, walk(walker, [heard(13)[:5], heard(13)[5:6], heard(13)[6:]]))
    assert whole.shape == (13, L, D)
    assert (whole[1:] - whole[:-1]).abs().amax() > 1e-4


@torch.no_grad()
def test_a_batch_equals_its_members(walker: RecurrentWalker) -> None:
    starts, sounds = heard(3, 4), torch.stack([heard(5, seed) for seed in range(3)], 1)
    together, alone = WalkState(starts, starts), [WalkState(start[None], start[None]) for start in starts]
    for t in range(5):
        together = take_step(walker, together, sounds[t], WalkSettings())
        alone = [take_step(walker, state, sounds[t, i : i + 1], WalkSettings()) for i, state in enumerate(alone)]
    torch.testing.assert_close(together.ws, torch.cat([state.ws for state in alone]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("still", "moving"), [("coarse", slice(3, L)), ("fine", slice(0, 6))])
def test_strength_zero_holds_a_group(walker: RecurrentWalker, still: str, moving: slice) -> None:
    trajectory = walk(walker, [heard(6)], WalkSettings(**{still: 0.0}))
    start = heard(1, 9)
    held = torch.ones(L, dtype=torch.bool)
    held[moving] = False
    assert torch.equal(trajectory[:, held], start[:, held].expand(6, -1, -1))
    assert (trajectory[:, ~held] - start[:, ~held]).abs().amax() > 1e-4


def test_strength_multiplies_the_first_step(walker: RecurrentWalker) -> None:
    start = heard(1, 9)
    one, half = walk(walker, [heard(1)]) - start, walk(walker, [heard(1)], WalkSettings(mid=0.5)) - start
    torch.testing.assert_close(half[:, 3:6], 0.5 * one[:, 3:6])
    torch.testing.assert_close(half[:, :3], one[:, :3])


def test_beta_takes_a_share_and_pull_draws_back(walker: RecurrentWalker) -> None:
    start = heard(1, 9)
    torch.testing.assert_close(walk(walker, [heard(1)], WalkSettings(beta=0.4)) - start, 0.4 * (walk(walker, [heard(1)]) - start))
    free, drawn = walk(walker, [heard(40)]), walk(walker, [heard(40)], WalkSettings(pull=5.0))
    assert (drawn - start).norm() < (free - start).norm()


def test_sound_once_hears_the_first_step_only(walker: RecurrentWalker) -> None:
    settings = WalkSettings(sound_once=True)
    other = heard(6).clone()
    other[1:] = 3
    assert torch.equal(walk(walker, [heard(6)], settings), walk(walker, [other], settings))
    assert not torch.equal(walk(walker, [heard(6)]), walk(walker, [other]))


def test_the_mean_latent_ties_the_blocks(walker: RecurrentWalker) -> None:
    changed = heard(3).clone()
    changed[:, 7] += 1
    assert not torch.equal(walk(walker, [heard(3)])[:, 0], walk(walker, [changed])[:, 0])


def test_refusals(walker: RecurrentWalker) -> None:
    with pytest.raises(ConfigError, match="beta: got 2"):
        WalkSettings(beta=2)
    with pytest.raises(ConfigError, match="strength of mid"):
        dataclasses.replace(WalkSettings(), mid=float("nan"))
    with pytest.raises(ShapeError, match=r"start_ws: got shape \[2, 8, 6\]"):
        list(roll_out(walker, torch.zeros(2, L, D), [heard(1)]))
    with pytest.raises(ShapeError, match="audio_ws"):
        list(roll_out(walker, torch.zeros(1, L, D), [torch.zeros(1, L, D + 1)]))
    with pytest.raises(ConfigError, match="group bounds: got 3 and 9"):
        RecurrentWalker(num_ws=8, w_dim=4, bounds=(3, 9))
