"""Latent codes read as pictures of the world: z <-> (kind, scene, envelope, phase).

A renderer that has a picture for every code can teach a generator. z [64] is normalised to unit mean square and read in order:
nine class scores (the largest is the kind), four composition scores (the largest is the composition), six scene values and the
envelope (each through the normal distribution function, so uniform in 0..1), a pair whose angle is the phase; the rest is free
and takes up what the norm leaves.
"""

import dataclasses

import torch

from ..randomness import generator_for
from .kinds import KINDS
from .scene import NUM_COMPOSITIONS, VALUES, Scene

Z_DIM = 64
MARGIN = 0.35
_KIND = slice(0, len(KINDS))
_COMPOSITION = slice(_KIND.stop, _KIND.stop + NUM_COMPOSITIONS)
_VALUES = slice(_COMPOSITION.stop, _COMPOSITION.stop + len(VALUES))
_ENVELOPE = _VALUES.stop
_PHASE = slice(_ENVELOPE + 1, _ENVELOPE + 3)
_FREE = slice(_PHASE.stop, Z_DIM)
_EXTREME = 0.985  # envelopes are written within 1.5 % of the ends, so that the norm always has room for them


@dataclasses.dataclass(frozen=True)
class Code:
    """What one code shows."""

    kind: str
    scene: Scene
    envelope: float
    phase: float


def normalise(z: torch.Tensor) -> torch.Tensor:
    """Codes [N, 64] of unit mean square."""
    return z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def is_clear(z: torch.Tensor, margin: float = MARGIN) -> torch.Tensor:
    """Whether the best kind and the best composition of codes [N, 64] lead the second best by `margin` -> bool [N]. `z` are [N, 64]."""
    z = normalise(z)
    gaps = [top[:, 0] - top[:, 1] for top in (z[:, part].topk(2, dim=1).values for part in (_KIND, _COMPOSITION))]
    return (gaps[0] > margin) & (gaps[1] > margin)


def draw_codes(seed: int, num_codes: int, first: int = 0, margin: float = MARGIN) -> torch.Tensor:
    """Codes `first` .. `first + num_codes - 1` of `seed`, each clear in kind and composition -> [N, 64] of unit mean square.

    `margin` is that of `is_clear`.
    """
    codes = []
    for index in range(first, first + num_codes):
        generator = generator_for(seed, "code", index)
        while True:
            z = normalise(torch.randn(16, Z_DIM, generator=generator))
            clear = is_clear(z, margin)
            if clear.any():
                codes.append(z[clear.nonzero()[0, 0]])
                break
    return torch.stack(codes) if codes else torch.empty(0, Z_DIM)


def phases_of(z: torch.Tensor) -> torch.Tensor:
    """The phase that codes [N, 64] show, in turns from -1/2 to 1/2, [N]."""
    return torch.atan2(z[:, _PHASE.start + 1], z[:, _PHASE.start]) / (2 * torch.pi)


def read_codes(z: torch.Tensor) -> list[Code]:
    """What codes [N, 64] show."""
    z = normalise(z).double()
    kinds, compositions = z[:, _KIND].argmax(1).tolist(), z[:, _COMPOSITION].argmax(1).tolist()
    values, envelopes = torch.special.ndtr(z[:, _VALUES]).tolist(), torch.special.ndtr(z[:, _ENVELOPE]).tolist()
    phases = (phases_of(z) % 1).tolist()
    return [
        Code(KINDS[kind], Scene(composition, *numbers), envelope, phase)
        for kind, composition, numbers, envelope, phase in zip(kinds, compositions, values, envelopes, phases, strict=True)
    ]


def write_codes(
    z: torch.Tensor,
    *,
    kind: torch.Tensor | None = None,
    envelope: torch.Tensor | None = None,
    phase: torch.Tensor | None = None,
) -> torch.Tensor:
    """Codes [N, 64] with another kind (int [N]), envelope (0..1 [N]) or phase (turns [N]); everything else they show stays, also what is None.

    The kind is changed by swapping scores, so a clear code stays clear. The free numbers give way to keep the mean square at 1.

    `z` are clear codes; they are left as they are.
    """
    z = normalise(z).clone()
    rows = torch.arange(len(z), device=z.device)
    if kind is not None:
        best = z[:, _KIND].argmax(1)
        z[rows, best], z[rows, kind] = z[rows, kind].clone(), z[rows, best].clone()
    if envelope is not None:
        z[:, _ENVELOPE] = torch.special.ndtri(envelope.double().clamp(1 - _EXTREME, _EXTREME)).to(z.dtype)
    if phase is not None:
        radius = z[:, _PHASE].square().sum(1).sqrt().clamp(min=0.5)
        angle = 2 * torch.pi * phase.to(z.dtype)
        z[:, _PHASE] = radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
    room = (Z_DIM - z[:, : _FREE.start].square().sum(1)).clamp(min=1.0)
    z[:, _FREE] *= (room / z[:, _FREE].square().sum(1).clamp(min=1e-6)).sqrt()[:, None]
    return z
