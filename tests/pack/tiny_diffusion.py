"""Nodes for tests in a real ComfyUI: a diffusion model, text encoder, VAE and CLIP vision of core's own classes, tiny and with random weights;
and a probe that writes what a wire carries into a file."""

import json
import tempfile
from pathlib import Path

import torch

_TEXT = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 2, "projection_dim": 32}
_VISION = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2, "num_hidden_layers": 3, "projection_dim": 24, "image_size": 32,
           "patch_size": 16, "num_channels": 3, "hidden_act": "gelu", "layer_norm_eps": 1e-5, "model_type": "clip_vision_model"}  # fmt: skip
_UNET = {"image_size": 32, "in_channels": 4, "out_channels": 4, "model_channels": 32, "num_res_blocks": [1, 1], "channel_mult": [1, 2],
         "transformer_depth": [1, 1], "transformer_depth_output": [1, 1, 1, 1], "transformer_depth_middle": 1, "context_dim": 32,
         "use_spatial_transformer": True, "use_linear_in_transformer": False, "legacy": False, "adm_in_channels": None,
         "use_temporal_attention": False, "dtype": torch.float32}  # fmt: skip


def _draw(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Random weights in the place of what memory held."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if weight.is_floating_point() and "vae_" not in name:
                fan = weight[0].numel() if weight.ndim > 1 else 1
                scale = 0.02 if name.endswith("bias") else fan**-0.5
                weight.copy_(torch.randn(weight.shape, generator=generator) * scale + (weight.ndim == 1 and not name.endswith("bias")))
    return module.eval()


class TinyCheckpoint:
    """What CheckpointLoaderSimple gives."""

    RETURN_TYPES = ("MODEL", "CLIP", "VAE")
    FUNCTION = "load"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"ckpt_name": ("STRING", {"default": ""})}}

    def load(self, ckpt_name):
        import comfy.model_management as management
        import comfy.model_patcher
        import comfy.sd
        import comfy.sd1_clip
        import comfy.supported_models
        import comfy.supported_models_base
        import comfy.taesd.taesd

        cpu = torch.device("cpu")
        model = comfy.supported_models.SD15(_UNET).get_model({}, device=cpu)
        _draw(model.diffusion_model, 0)
        patcher = comfy.model_patcher.ModelPatcher(model, load_device=management.get_torch_device(), offload_device=cpu)
        target = comfy.supported_models_base.ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
        clip = comfy.sd.CLIP(target, model_options={"clip_l_model_config": _TEXT})
        _draw(clip.cond_stage_model, 1)
        vae = comfy.sd.VAE(sd=_draw(comfy.taesd.taesd.TAESD(), 2).state_dict())
        return patcher, clip, vae


class TinyClipVision:
    """What CLIPVisionLoader gives."""

    RETURN_TYPES = ("CLIP_VISION",)
    FUNCTION = "load"
    CATEGORY = "test"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}

    def load(self):
        import comfy.clip_vision

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "config.json")
            path.write_text(json.dumps(_VISION))
            vision = comfy.clip_vision.ClipVisionModel(str(path))
        _draw(vision.model, 3)
        return (vision,)


def _plain(value):
    """The same without classes of ComfyUI's, which the test's own process doesn't have."""
    if hasattr(value, "image_embeds"):
        return vars(value)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


class Probe:
    """Writes what a wire carries into the output folder."""

    RETURN_TYPES = ()
    FUNCTION = "write"
    CATEGORY = "test"
    OUTPUT_NODE = True
    INPUT_IS_LIST = True

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"value": ("*",), "name": ("STRING", {"default": "probe"})}}

    @classmethod
    def VALIDATE_INPUTS(cls, input_types):
        return True

    def write(self, value, name):
        import folder_paths

        torch.save(_plain(value), Path(folder_paths.get_output_directory(), f"{name[0]}.pt"))
        return {"ui": {"count": [len(value)]}}


NODE_CLASS_MAPPINGS = {"Test_TinyCheckpoint": TinyCheckpoint, "Test_TinyClipVision": TinyClipVision, "Test_Probe": Probe}
