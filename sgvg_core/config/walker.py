"""Settings of recurrent walkers: ours and the released one."""

import dataclasses

from ..errors import ConfigError
from .checks import MAX_PART_PARAMETERS, check_range


@dataclasses.dataclass(frozen=True)
class WalkerConfig:
    """The recurrent walker: three blocks over the coarse, mid and fine latents (paper Eq. 4 and 5)."""

    num_ws: int
    w_dim: int
    bounds: tuple[int, int] = (3, 6)
    """Latents [0, a) are coarse, [a, b) mid, the rest fine."""
    hidden: int = 512
    """Units of each layer."""
    num_layers: int = 1
    """Layers of the GRU."""
    walk_rate: float = 12.0
    """Steps a second at which the walker was trained."""
    clock: bool = False
    """Whether it counts where it is in what goes round and round; beyond the paper, and learned from the world's own answers alone."""

    def __post_init__(self) -> None:
        check_range("walker num_ws", self.num_ws, 3, 64)
        check_range("walker w_dim", self.w_dim, 1, 2048)
        if not 0 < self.bounds[0] < self.bounds[1] < self.num_ws:
            raise ConfigError(f"walker bounds: got {self.bounds}, expected 0 < a < b < {self.num_ws}")
        check_range("walker hidden", self.hidden, 1, 4096)
        check_range("walker num_layers", self.num_layers, 1, 16)
        check_range("walker walk_rate", self.walk_rate, 0.5, 120)
        check_range("walker number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold (without biases): two layers in, the recurrence and two layers out in each of three blocks,
        and those of the clock.
        """
        latents = (2 * self.num_ws + 6 + (9 if self.clock else 0)) * self.w_dim * self.hidden
        return latents + (3 * (3 + 6 * self.num_layers) + (4 if self.clock else 0)) * self.hidden**2


@dataclasses.dataclass(frozen=True)
class ReleasedBlockConfig:
    """One recurrent block of the paper's released code: a bidirectional GRU over the latents of a group, a step at a time."""

    num_group: int
    """How many latents it moves: 4 (coarse, mid) or 8 (fine)."""
    w_dim: int = 512
    hidden: int = 512
    """Units of each layer."""
    num_layers: int = 5
    """Layers of the GRU, in each direction."""
    noise_fc: bool = True
    """Whether the hidden state passes a linear layer before each step (`audio_noise_fc`)."""

    def __post_init__(self) -> None:
        check_range("released block num_group", self.num_group, 1, 64)
        check_range("released block w_dim", self.w_dim, 1, 2048)
        check_range("released block hidden", self.hidden, 1, 2048)
        check_range("released block num_layers", self.num_layers, 1, 16)
        check_range("released block number of parameters", self.num_parameters, 1, MAX_PART_PARAMETERS)

    @property
    def num_parameters(self) -> int:
        """About how many numbers its weights hold."""
        size, hidden = self.num_group * self.w_dim, self.hidden
        recurrent = 6 * hidden * (size + hidden + (self.num_layers - 1) * 3 * hidden)
        return recurrent + 2 * hidden * size + (2 * self.num_layers * hidden) ** 2 * self.noise_fc


@dataclasses.dataclass(frozen=True)
class ReleasedWalkerConfig:
    """The three released recurrent blocks together. The defaults are the released groups: latents 0-3, 4-7 and 8-15."""

    coarse: ReleasedBlockConfig = ReleasedBlockConfig(4)
    """The block of the first latents."""
    mid: ReleasedBlockConfig = ReleasedBlockConfig(4)
    """The block of the latents after those."""
    fine: ReleasedBlockConfig = ReleasedBlockConfig(8)
    """The block of the rest."""
    walk_rate: float = 10.0
    """Steps a second: the generation script makes a step a picture and shows each for 100 ms."""
    family: str = "stylegan3"
    """The kind of generator whose latents these are, as `layer_map` knows it."""
    img_resolution: int = 256

    def __post_init__(self) -> None:
        check_range("released walker walk_rate", self.walk_rate, 0.5, 120)
        blocks = (self.coarse, self.mid, self.fine)
        check_range("released walker number of parameters", sum(block.num_parameters for block in blocks), 1, MAX_PART_PARAMETERS)
        if len({self.coarse.w_dim, self.mid.w_dim, self.fine.w_dim}) > 1:
            raise ConfigError(f"released walker w_dim: got {self.coarse.w_dim}, {self.mid.w_dim} and {self.fine.w_dim}, expected one for all blocks")

    @property
    def num_ws(self) -> int:
        """How many latents the three blocks move."""
        return self.coarse.num_group + self.mid.num_group + self.fine.num_group
