"""The wires of our own between nodes. Sounds, pictures, videos, numbers and texts travel as ComfyUI's own types.

What a wire carries (shapes as in `sgvg_core`): SGVG_MODEL a `host.HostModel`, or a `host.HostGenerator`, which can draw but not hear;
SGVG_SOUND_LATENTS a `SoundLatents`, SGVG_LATENT a start latent, float32 [1, L, D]; SGVG_CENTRES what truncation draws to, float32 [K, L, D];
SGVG_EMBEDDING unit vectors, float32 [N, E]; SGVG_WALK a `latents.LatentWalk`; SGVG_POSE a `Pose`; SGVG_IMAGE_ENCODER a `host.HostImageEncoder`;
SGVG_LABELLED_SOUNDS a tuple of `LabelledSound`s; SGVG_EDITS a tuple of `editing.Edit`s; SGVG_DIRECTION an `editing.Direction`. Sound latents and
walks of sounds are lazy: they cost nothing on the wire and are computed as they're used.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from comfy_api.latest import io

from ..sgvg_core.generation import AnalysedSound, Sound
from ..sgvg_core.latents import LatentWalk as LatentWalk
from ..sgvg_core.latents import StoredWalk as StoredWalk
from ..sgvg_core.latents import WrappedWalk
from ..sgvg_core.sound_inversion import AnySoundEncoder

ModelWire = io.Custom("SGVG_MODEL")
SoundLatentsWire = io.Custom("SGVG_SOUND_LATENTS")
LatentWire = io.Custom("SGVG_LATENT")
EmbeddingWire = io.Custom("SGVG_EMBEDDING")
WalkWire = io.Custom("SGVG_WALK")
PoseWire = io.Custom("SGVG_POSE")
ImageEncoderWire = io.Custom("SGVG_IMAGE_ENCODER")
LabelledSoundsWire = io.Custom("SGVG_LABELLED_SOUNDS")
CentresWire = io.Custom("SGVG_CENTRES")
EditsWire = io.Custom("SGVG_EDITS")
DirectionWire = io.Custom("SGVG_DIRECTION")

FROM_ANY_MODEL = "From Load SGVG Model, Load StyleGAN, or Load Sound Encoder and Walker."
FROM_HEARING_MODEL = "From Load SGVG Model, or Load Sound Encoder and Walker."
"""Where a model comes from, for nodes that draw, and for those that hear or walk."""

SHOWS: dict[str, Any] = {"has_intermediate_output": True} if "has_intermediate_output" in getattr(io.Schema, "__dataclass_fields__", ()) else {}
"""For the schema of a node that leaves a text or a picture on the page: newer ComfyUIs send it again only then, if the node is in the cache."""


@dataclasses.dataclass(frozen=True)
class SoundLatents:
    """What E_a will hear of a sound: the sound after its first pass, and the encoder."""

    analysed: AnalysedSound
    encoder: AnySoundEncoder
    model_name: str


@dataclasses.dataclass(frozen=True)
class MadeWalk(WrappedWalk):
    """A walk made of another, with the sound that a film of it has: edited, mixed of two, or of a video."""

    walk: LatentWalk
    sound: Sound | None

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(self.walk)


AnyWalk = LatentWalk
"""What the walk wire carries: the `Walk` of a sound, a `StoredWalk`, or one of them changed on its way."""


def prefix_input(default: str) -> io.Input:
    """Where a node that writes a file puts it."""
    said = "Name of the file, with a folder inside the output folder if you like; a number is put behind it."
    return io.String.Input("filename_prefix", display_name="filename prefix", default=default, tooltip=said)


def pose_input() -> io.Input:
    """The last input of nodes that draw frames."""
    said = "From StyleGAN3 Pose: where the picture lies, frame by frame. Only StyleGAN3 generators can be moved."
    return PoseWire.Input("pose", optional=True, tooltip=said)
