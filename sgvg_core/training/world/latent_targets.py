"""What the frozen mapping network says of sounds: the latent that belongs to a sound's kind, envelope and phase."""

import dataclasses
import functools

import torch
from torch.nn import functional as F

from ...synthesis import StyleGAN2Generator
from ...walker import circle_point
from ...world import KINDS
from ...world.codes import draw_codes, write_codes

_LEVELS = 9
_NUM_CODES = 20_000
_QUARTERS = 4
START_NOISE = 0.3
"""Start noise of phase 1 of the walker's training, in standard deviations of mapped latents."""
ENVELOPE_WEIGHT = 0.5
"""Weight of the envelope's loss (smooth L1), relative to that of the latents."""
PHASE_WEIGHT = 0.1
"""Weight of the phase's loss (smooth L1), relative to that of the latents."""


@dataclasses.dataclass(frozen=True)
class PhaseCircle:
    """Where a scene's latents lie while its phase turns: about middle + cos(phase) * cosine + sin(phase) * sine, each [N, D].

    What the phase moves is a hundredth of the variance of latents, and it moves each scene's in a direction of its own.
    """

    middle: torch.Tensor
    cosine: torch.Tensor
    sine: torch.Tensor

    @property
    def radius(self) -> torch.Tensor:
        """Its mean radius, [N]."""
        return ((self.cosine.square() + self.sine.square()).sum(1) / 2).sqrt()

    @functools.cached_property
    def _plane(self) -> torch.Tensor:
        """Two directions at right angles, divided by the circle's mean radius, [N, 2, D]."""
        first = F.normalize(self.cosine, dim=1)
        second = F.normalize(self.sine - (self.sine * first).sum(1, keepdim=True) * first, dim=1)
        return torch.stack([first, second], 1) / self.radius[:, None, None]

    def place(self, ws: torch.Tensor) -> torch.Tensor:
        """Where latents [N, L, D] lie in the circle's plane, [N, 2]: (0, 0) in its middle, on the circle about 1 from there."""
        return (self._plane @ (ws.mean(1) - self.middle)[:, :, None])[:, :, 0]

    def at(self, phase: torch.Tensor) -> torch.Tensor:
        """The place on the circle of a phase [N] in turns, [N, 2]."""
        cosine, sine = circle_point(phase).split(1, 1)
        return (self._plane @ (cosine * self.cosine + sine * self.sine)[:, :, None])[:, :, 0]


def phase_circle(generator: StyleGAN2Generator, codes: torch.Tensor) -> PhaseCircle:
    """The circle of the scenes of `codes` [N, 64], by what `generator` maps them to at the quarters of their phase."""
    phases = torch.arange(_QUARTERS).repeat_interleave(len(codes)) / _QUARTERS
    at = generator.mapping(write_codes(codes.repeat(_QUARTERS, 1), phase=phases))[:, 0].unflatten(0, (_QUARTERS, -1))
    return PhaseCircle(at.mean(0), (at[0] - at[2]) / 2, (at[1] - at[3]) / 2)


@dataclasses.dataclass(frozen=True)
class LatentTargets:
    """What the frozen mapping network says about sounds and latents."""

    generator: StyleGAN2Generator
    w_scale: float
    """Standard deviation of mapped latents."""
    centre: torch.Tensor
    """Mean of mapped latents, [D]."""
    offsets: torch.Tensor
    """Mean latent of each kind at each of nine envelope levels, less w_avg: [K, 9, D]."""
    reader: torch.nn.Module
    """Latents [N, D] -> the envelope, [N, 1]."""
    codes: torch.Tensor
    """Codes [N, 64] from which walks begin."""

    def offset(self, kinds: torch.Tensor, envelopes: torch.Tensor) -> torch.Tensor:
        """The offset of a sound of a kind and strength, [N, D].

        `kinds` [N] are indices into `KINDS`, `envelopes` [N] are in 0..1.
        """
        position = envelopes.clamp(0, 1) * (_LEVELS - 1)
        low = position.floor().long().clamp(max=_LEVELS - 2)
        return torch.lerp(self.offsets[kinds, low], self.offsets[kinds, low + 1], (position - low)[:, None])

    def strength(self, offsets: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
        """How far offsets [N, L, D] lie on the way from the faintest to the strongest sound of their kinds, [N]: about 0..1."""
        faint, way = self.offsets[kinds, 0], self.offsets[kinds, -1] - self.offsets[kinds, 0]
        return ((offsets.mean(1) - faint) * way).sum(1) / way.square().sum(1)

    def circle(self, codes: torch.Tensor, kinds: torch.Tensor, envelopes: torch.Tensor) -> PhaseCircle:
        """The circle of the scenes of `codes` [N, 64] with `kinds` [N] and `envelopes` [N] in place of their own."""
        return phase_circle(self.generator, write_codes(codes, kind=kinds, envelope=envelopes))

    def envelope(self, ws: torch.Tensor) -> torch.Tensor:
        """The envelope that latents [N, L, D] show, [N]; differentiable."""
        return self.reader(ws.mean(1))[:, 0]

    def latents(self, codes: torch.Tensor) -> torch.Tensor:
        """Mapped codes [N, 64] -> [N, D]."""
        return self.generator.mapping(codes)[:, 0]


@torch.no_grad()
def _mean_offsets(generator: StyleGAN2Generator, seed: int, num_codes: int = 600) -> torch.Tensor:
    """The mean latent of each kind and level over many scenes, less the mean of all, [K, 9, D]."""
    codes = draw_codes(seed, num_codes)
    rows = []
    for kind in range(len(KINDS)):
        kinds = torch.full((num_codes,), kind)
        levels = [torch.full((num_codes,), level / (_LEVELS - 1)) for level in range(_LEVELS)]
        rows.append(torch.stack([generator.mapping(write_codes(codes, kind=kinds, envelope=level))[:, 0].mean(0) for level in levels]))
    table = torch.stack(rows)
    return table - table.mean((0, 1))


def _teach_reader(generator: StyleGAN2Generator, scale: float, w_dim: int, seed: int, num_steps: int = 1500) -> torch.nn.Module:
    """A small network that reads the envelope off a latent, also one a little away from its place; it serves the teacher alone."""
    torch.manual_seed(seed)
    reader = torch.nn.Sequential(torch.nn.Linear(w_dim, 128), torch.nn.SiLU(), torch.nn.Linear(128, 128), torch.nn.SiLU(), torch.nn.Linear(128, 1))
    codes = draw_codes(seed + 1, 3000)
    optimiser = torch.optim.Adam(reader.parameters(), 2e-3)
    for step in range(num_steps):
        some = codes[torch.randint(len(codes), (128,))]
        phase, envelope = torch.rand(128), torch.rand(128)
        with torch.no_grad():
            latents = generator.mapping(write_codes(some, phase=phase, envelope=envelope))[:, 0]
        latents = latents + torch.randn_like(latents) * torch.rand(128, 1) * (START_NOISE * scale)
        loss = (reader(latents)[:, 0] - envelope).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * (1 - step / num_steps)
    return reader.eval().requires_grad_(False)


def find_latent_targets(generator: StyleGAN2Generator, seed: int = 3, num_reader_steps: int = 1500) -> LatentTargets:
    """Everything the warm-up needs to know of the frozen mapping network.

    `num_reader_steps` are those of the network that reads the envelope off a latent.
    """
    offsets = _mean_offsets(generator, seed)
    mapped = generator.mapping(draw_codes(seed, 500))[:, 0].detach()
    scale = mapped.std(0).mean().item()
    reader = _teach_reader(generator, scale, offsets.shape[-1], seed, num_reader_steps)
    return LatentTargets(generator, scale, mapped.mean(0), offsets, reader, codes=draw_codes(seed + 2, _NUM_CODES))
