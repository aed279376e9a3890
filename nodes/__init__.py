"""The nodes: each takes ComfyUI's values in, calls the core once, and gives ComfyUI's values back."""

from . import latents, loaders, sound, synthesis, walk

NODES = [*loaders.NODES, *sound.NODES, *latents.NODES, *walk.NODES, *synthesis.NODES]
