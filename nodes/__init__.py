"""The nodes: each takes ComfyUI's values in, calls the core once, and gives ComfyUI's values back."""

from . import fit, inversion, latent_files, latents, loaders, pose, sound, synthesis, walk

NODES = [
    *loaders.NODES,
    *sound.NODES,
    *latents.NODES,
    *latent_files.NODES,
    *inversion.NODES,
    *walk.NODES,
    *pose.NODES,
    *synthesis.NODES,
    *fit.NODES,
]
