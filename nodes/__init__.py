"""The nodes: each takes ComfyUI's values in, calls the core once, and gives ComfyUI's values back."""

from . import (
    editing,
    editing_directions,
    editing_inversion,
    editing_mix,
    fit,
    inversion,
    latent_files,
    latents,
    loaders,
    pose,
    sound,
    sound_parts,
    synthesis,
    truncation,
    walk,
)

NODES = [
    *loaders.NODES,
    *sound_parts.NODES,
    *sound.NODES,
    *latents.NODES,
    *truncation.NODES,
    *latent_files.NODES,
    *inversion.NODES,
    *walk.NODES,
    *pose.NODES,
    *synthesis.NODES,
    *fit.NODES,
    *editing_inversion.NODES,
    *editing.NODES,
    *editing_directions.NODES,
    *editing_mix.NODES,
]
