"""A real open_clip model of a few thousand numbers, as a folder that `load_open_clip` takes."""

import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 16, "head_width": 8, "patch_size": 8},
    "text_cfg": {"context_length": 20, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1},
}


def write_small_clip(folder: Path) -> Path:
    """The folder, with a configuration and random weights."""
    from open_clip.model import CLIP

    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = CLIP(**copy.deepcopy(CONFIG))
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {"resize_mode": "squash"}}))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder
