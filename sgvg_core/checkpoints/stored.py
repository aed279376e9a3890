"""Any file of weights or latents, ours or somebody else's, as one thing: what it is, its configuration, its tensors."""

from pathlib import Path

from ..errors import CheckpointError
from .header import ENTRY, own_entry
from .layouts.detect import recognise
from .layouts.recognised import Recognised
from .materialize import enough_memory
from .plain import read_plain
from .weights import stored_weights

OWN = "own"
"""Layout of files that this program wrote."""

_WORDS = {
    "generator": "a StyleGAN2 generator",
    "generator3": "a StyleGAN3 generator",
    "discriminator": "a discriminator",
    "sound_encoder": "a sound encoder",
    "released_sound_encoder": "a sound encoder of the released code",
    "walker": "a walker",
    "released_walker": "a walker of the released code",
    "released_walker_block": "one recurrent block of the released code",
    "sound_tower": "a sound tower for a CLIP model",
    "released_sound_tower": "a sound tower of the released code",
    "joint_space": "a joint space",
    "image_encoder": "an image encoder",
    "latents": "latents",
    "judge": "a judge of pictures",
}


def in_words(kind: str) -> str:
    """A kind as messages name it."""
    return _WORDS.get(kind, f"a {kind.replace('_', ' ')}")


def read_stored(path: str | Path, *kinds: str) -> Recognised:
    """The content of a file, which must be one of `kinds` (none given: any). Raises CheckpointError.

    Tensors are of the types that they're stored in; a network takes them as float32.
    """
    path = Path(path)
    plain = read_plain(path)
    if ENTRY in plain.metadata:
        with enough_memory(str(path)):
            own = stored_weights(own_entry(plain.metadata, path), plain.data, path)
        found = Recognised(own.kind, OWN, own.config, own.state, own.extra)
    else:
        found = recognise(plain, path)
        if plain.format == "safetensors":
            found = found.with_notes("a safetensors file without this program's header: it was recognised by its tensors")
    if kinds and found.kind not in kinds:
        wanted = " or ".join(in_words(kind) for kind in kinds)
        raise CheckpointError(f"{path}: got {in_words(found.kind)} ({found.layout}), expected {wanted}; choose another file")
    return found
