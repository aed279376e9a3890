"""Models from ComfyUI's folders."""

import weakref

from comfy_api.latest import io

from . import host
from .sockets import ModelWire

_loaded: "weakref.WeakValueDictionary[str, host.HostModel]" = weakref.WeakValueDictionary()
"""Models in use, by their content: two nodes that load the same weights share them."""


class LoadModel(io.ComfyNode):
    """A sound-to-video model."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SGVG_LoadModel",
            display_name="Load SGVG Model",
            category="SGVG/loaders",
            description="Loads a sound-to-video model: StyleGAN generator, sound inversion encoder, recurrent walker and joint space of sound, "
            "picture "
            "and text. One comes with the pack; others are folders in ComfyUI/models/sgvg.",
            inputs=[
                io.Combo.Input(
                    "model_name",
                    display_name="model name",
                    options=list(host.models()),
                    default=host.BUNDLED_NAME,
                    tooltip="The bundled model, or a sub-folder of ComfyUI/models/sgvg that holds generator.safetensors, "
                    "sound_encoder.safetensors and "
                    "walker.safetensors (and joint_space.safetensors for text). Press R after adding one.",
                ),
            ],
            outputs=[ModelWire.Output("model", display_name="model", tooltip="The parts of the model, for all other nodes of this pack.")],
        )

    @classmethod
    def fingerprint_inputs(cls, model_name: str) -> str:
        return host.content_key(host.model_folder(model_name))

    @classmethod
    def execute(cls, model_name: str) -> io.NodeOutput:
        folder = host.model_folder(model_name)
        key = host.content_key(folder)
        model = _loaded.get(key) or host.load_host_model(folder)
        _loaded[key] = model
        return io.NodeOutput(model)


NODES = [LoadModel]
