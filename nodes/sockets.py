"""The wires of our own between nodes. Sounds, pictures, videos, numbers and texts travel as ComfyUI's own types.

What a wire carries (shapes as in `sgvg_core`): SGVG_MODEL a `host.HostModel`; SGVG_SOUND_LATENTS a `SoundLatents`, SGVG_LATENT a start
latent, float32 [1, L, D]; SGVG_EMBEDDING unit vectors, float32 [N, E]; SGVG_WALK a `Walk`. Sound latents and walks are lazy: they cost nothing
on the wire and are computed as they're used.
"""

import dataclasses

from comfy_api.latest import io

from ..sgvg_core.generation import HeardSound
from ..sgvg_core.sound_inversion import SoundInversionEncoder

ModelWire = io.Custom("SGVG_MODEL")
SoundLatentsWire = io.Custom("SGVG_SOUND_LATENTS")
LatentWire = io.Custom("SGVG_LATENT")
EmbeddingWire = io.Custom("SGVG_EMBEDDING")
WalkWire = io.Custom("SGVG_WALK")


@dataclasses.dataclass(frozen=True)
class SoundLatents:
    """What E_a will hear of a sound: the sound after its first pass, and the encoder."""

    heard: HeardSound
    encoder: SoundInversionEncoder
    model_name: str
