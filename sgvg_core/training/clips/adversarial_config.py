"""The settings of stage one on pictures of one's own: a StyleGAN2 against its discriminator. Every default has its source or reason."""

import dataclasses
from collections.abc import Mapping

from ...augmentation.adaptive import AugmentConfig
from ...config import DiscriminatorConfig, GeneratorConfig, check_choice, check_range, from_dict
from ...errors import ConfigError
from ...presets import ADVERSARIAL

DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class AdversarialConfig:
    """How a generator is learned from pictures. Without another source, numbers are those of StyleGAN2-ADA (Karras et al. 2020b, appendix C)."""

    size: int = 128
    """Side of the pictures in pixels, a power of two."""
    channel_base: int = 8192
    """A layer at r px has `channel_base` / r channels ..."""
    channel_max: int = 256
    """... but no more than this."""
    z_dim: int = 256
    w_dim: int = 256
    mapping_layers: int = 2
    """Layers of the mapping network."""
    mapping_lr_multiplier: float = 0.01
    """Scales the mapping network's weights, and so its learning rate."""
    conv_clamp: float | None = None
    """Values that a convolution gives are held in -conv_clamp..conv_clamp; None: they aren't."""
    batch: int = 16
    """Pictures a step, over all processes."""
    accumulate: int = 1
    """Slices a process computes one after another, for less memory; the discriminator's statistics are taken inside a slice."""
    mbstd_group_size: int = 4
    """Among how many pictures the discriminator looks at variety."""
    generator_lr: float = 0.0025
    """Adam's rate for the generator."""
    critic_lr: float = 0.0025
    """Adam's rate for the discriminator."""
    r1_gamma: float | None = None
    """Weight of R1; None: 0.0002 size^2 / batch. 0 switches it off."""
    d_reg_interval: int = 16
    """Steps between two R1 steps, which are weighed by this number (lazy regularisation, StyleGAN2 appendix B)."""
    path_weight: float = 2.0
    """Weight of the path length; 0 switches it off."""
    g_reg_interval: int = 4
    """Steps between two steps of path length, which are weighed by this number."""
    path_decay: float = 0.01
    """Share by which the mean path length moves each time."""
    pl_batch_shrink: int = 2
    """The path length is taken over the images of a slice divided by this number."""
    style_mixing_prob: float = 0.9
    """Share of pictures made of two codes (StyleGAN, section 3.1)."""
    noise: bool = True
    """Whether layers get noise (StyleGAN, section 3.2). Flat, drawn pictures have none; a short training answers their edges with it."""
    ema_images: float = 10_000.0
    """Half life of the average of weights, in pictures."""
    ema_ramp: float | None = 0.05
    """At first the half life is this share of the pictures seen; None: the whole from the start."""
    mirror: bool = False
    """Whether real pictures are mirrored at random: only where left and right mean the same."""
    labels: bool = False
    """Whether both networks are told the pictures' labels: a conditional generator, with a class for each label of the data."""
    augment: AugmentConfig = dataclasses.field(default_factory=AugmentConfig)
    dtype: str = "float32"
    """Of the features of both networks; weights and sums stay float32."""
    seed: int = 1

    def __post_init__(self) -> None:
        check_choice("size", str(self.size), tuple(str(8 << power) for power in range(9)))
        for name in ("channel_base", "channel_max", "batch", "accumulate", "mbstd_group_size", "d_reg_interval", "g_reg_interval", "pl_batch_shrink"):
            check_range(name, getattr(self, name), 1, 10**6)
        for name in ("generator_lr", "critic_lr"):
            check_range(name, getattr(self, name), 1e-9, 1)
        check_range("r1_gamma", 0 if self.r1_gamma is None else self.r1_gamma, 0, 1e6)
        check_range("path_weight", self.path_weight, 0, 1e6)
        check_range("path_decay", self.path_decay, 0, 1)
        check_range("style_mixing_prob", self.style_mixing_prob, 0, 1)
        check_range("ema_images", self.ema_images, 0, 1e12)
        check_range("ema_ramp", 1 if self.ema_ramp is None else self.ema_ramp, 0, 1e6)
        check_choice("dtype", self.dtype, DTYPES)
        check_range("seed", self.seed, 0, 2**63 - 1)
        self.check_slices(1)
        self.critic_for(), self.generator_for()  # raises what doesn't fit

    def check_slices(self, num_ranks: int) -> None:
        """Raise ConfigError unless the batch can be cut into slices of whole groups for this number of processes."""
        pieces = num_ranks * self.accumulate
        group = min(self.mbstd_group_size, max(1, self.batch // pieces))
        if self.batch % (pieces * group):
            raise ConfigError(
                f"batch: got {self.batch}, expected a multiple of {pieces * group}: {num_ranks} processes, {self.accumulate} slices each, "
                f"of whole groups of {group} pictures"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """The width at each resolution, from 4 px up."""
        return tuple(max(1, min(self.channel_base // (4 << index), self.channel_max)) for index in range(self.size.bit_length() - 2))

    def generator_for(self, num_labels: int = 0) -> GeneratorConfig:
        """The generator that is trained, for data with this number of labels (0: it isn't told them)."""
        return GeneratorConfig(
            img_resolution=self.size,
            channels=self.channels,
            z_dim=self.z_dim,
            c_dim=num_labels,
            w_dim=self.w_dim,
            mapping_layers=self.mapping_layers,
            mapping_lr_multiplier=self.mapping_lr_multiplier,
            conv_clamp=self.conv_clamp,
        )

    def critic_for(self, num_labels: int = 0) -> DiscriminatorConfig:
        """The discriminator that it's trained against. A label becomes as many numbers as its last features have channels, as NVIDIA's."""
        return DiscriminatorConfig(
            img_resolution=self.size,
            channels=self.channels,
            c_dim=num_labels,
            cmap_dim=self.channels[0] if num_labels else 0,
            conv_clamp=self.conv_clamp,
            mapping_layers=self.mapping_layers,
            mapping_lr_multiplier=self.mapping_lr_multiplier,
            mbstd_group_size=self.mbstd_group_size,
        )

    @property
    def gamma(self) -> float:
        """The weight of R1."""
        return 0.0002 * self.size**2 / self.batch if self.r1_gamma is None else self.r1_gamma


ADVERSARIAL_PRESETS: Mapping[str, AdversarialConfig] = {
    name: from_dict(AdversarialConfig, dict(numbers), f"preset {name}") for name, numbers in ADVERSARIAL.items()
}
