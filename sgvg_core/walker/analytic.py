"""A walker that follows: without any training it leads a latent to where the sound says it should be (Eq. 4 and 5).

The offsets of labels span a few directions in W+. Along these the walk goes to what E_a hears, within about a third of a second; across
them the start keeps its own content. Weights are written by hand (a SiLU network can be exactly linear, as silu(x) - silu(-x) = x), so
that a generator for which no walker was ever trained can be walked, and training has something better than noise to begin with.
"""

import dataclasses
import math
from typing import Any

import torch

from ..config import WalkerConfig
from ..errors import ConfigError
from .blocks import RecurrentBlock, RecurrentWalker

FOLLOW_SECONDS = 0.35
"""After so long, 63 % of the way is done."""


def analytic_walker(
    config: WalkerConfig, offsets: torch.Tensor, centre: torch.Tensor, scale: float, *, seconds: float = FOLLOW_SECONDS, seed: int = 0
) -> RecurrentWalker:
    """A walker whose step is a share of (what is heard - where it is), both seen along the labels' `offsets` [K, L, D].

    `centre` [D] is the mean of mapped latents, `scale` their standard deviation; after `seconds` it has gone 1 - 1/e of the way. Units that
    aren't needed have random weights that don't reach the step yet. Raises ConfigError when a block has too few hidden units.
    """
    if 2 * len(offsets) > config.hidden:
        raise ConfigError(f"walker hidden: got {config.hidden} units, expected {2 * len(offsets)} or more for {len(offsets)} labels")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        walker = RecurrentWalker(**{field.name: getattr(config, field.name) for field in dataclasses.fields(config)})
    walker.centre.copy_(centre)
    walker.scale.fill_(scale)
    share = 1 - math.exp(-1 / (seconds * config.walk_rate))
    read = torch.linalg.pinv(offsets.mean(1).double() / scale, rtol=1e-4).T.float()  # mean latent [D] -> how much of each label [K]
    for name, part in walker.slices.items():
        _write_block(walker.blocks[name], read, share * offsets[:, part].flatten(1) / scale)  # type: ignore[arg-type]
    return walker.eval()


@torch.no_grad()
def _write_block(block: RecurrentBlock, read: torch.Tensor, step: torch.Tensor) -> None:
    """step = (read @ (heard - stands)) @ step, through the block's layers: `read` [K, D], `step` [K, n D]."""
    num, size = len(read), block.num_group * block.w_dim
    layers: list[Any] = [*block.enter, *block.leave]
    first, _, second, _, third, _, last = layers
    coefficients = torch.cat([torch.zeros(num, size), -read, read], 1)  # [group, mean of stands, mean of sounds]; a clock isn't read
    pairs = torch.cat([torch.eye(num), -torch.eye(num)])  # x -> silu's arguments x and -x
    apart = pairs.T  # silu(x), silu(-x) -> x
    _write_rows(first, pairs @ coefficients)
    _write_rows(second, pairs @ apart)
    _write_rows(third, torch.cat([torch.zeros(2 * num, block.hidden), pairs @ apart], 1))
    last.weight.zero_()
    last.bias.zero_()
    last.weight[:, : 2 * num] = step.T @ apart


def _write_rows(layer: torch.nn.Linear, rows: torch.Tensor) -> None:
    """The first units of a layer read what `rows` [n, <= in] say, and nothing else; the others stay as they are."""
    layer.weight[: len(rows)] = 0
    layer.weight[: len(rows), : rows.shape[1]] = rows
    layer.bias[: len(rows)] = 0


def config_of_walker(walker: RecurrentWalker) -> WalkerConfig:
    """The configuration that a walker was built from, read off its blocks."""
    block: Any = walker.blocks["coarse"]
    bounds = walker.slices["coarse"].stop, walker.slices["mid"].stop
    return WalkerConfig(
        walker.num_ws,
        walker.w_dim,
        bounds,
        hidden=block.hidden,
        num_layers=block.num_layers,
        walk_rate=walker.walk_rate,
        clock=walker.clock is not None,
    )
