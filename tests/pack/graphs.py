"""Graphs in ComfyUI's API form, put together from pieces."""

from typing import Any

Graph = dict[str, dict[str, Any]]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def walk_graph(**changes: Any) -> Graph:
    """Model, sound, encoder, start and walk: nodes "model", "sound", "ears", "start", "walk"."""
    graph = {
        "model": node("SGVG_LoadModel", model_name="tiny"),
        "sound": node("SGVG_LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.0),
        "ears": node("SGVG_SoundInversionEncoder", model=["model", 0], audio=["sound", 0], batch_item=0),
        "start": node("SGVG_StartLatent", model=["model", 0], seed=3, truncation_psi=1.0, num_candidates=4),
        "walk": node(
            "SGVG_RecurrentWalker",
            model=["model", 0],
            sound_latents=["ears", 0],
            start_latent=["start", 0],
            fps=12.0,
            coarse=1.0,
            mid=1.0,
            fine=1.0,
            beta=1.0,
            pull=0.0,
            causal=False,
            sound_once=False,
        ),
    }
    for name, inputs in changes.items():
        graph[name]["inputs"].update(inputs)
    return graph


def synthesis(**changes: Any) -> dict[str, Any]:
    inputs = {"first_frame": 0, "max_frames": 0, "size": 0, "noise": "const", "noise_seed": 0, "batch_size": 4, "dtype": "auto"}
    return node("SGVG_Synthesis", **{"model": ["model", 0], "walk": ["walk", 0], **inputs, **changes})


def to_video(**changes: Any) -> dict[str, Any]:
    inputs = {"size": 0, "noise": "const", "noise_seed": 0, "batch_size": 4, "dtype": "auto", "sound_codec": "auto", "crf": 18}
    return node("SGVG_SynthesisToVideo", **{"model": ["model", 0], "walk": ["walk", 0], **inputs, **changes})


def save_images(source: str, output: int = 0, prefix: str = "test") -> dict[str, Any]:
    return node("SaveImage", images=[source, output], filename_prefix=prefix)
