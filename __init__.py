"""SGVG: sound-guided video generation, as a ComfyUI node pack.

ComfyUI loads this file under the name of the pack's folder. The guard keeps it harmless where it's read without one, as a test
collector does.
"""

if __package__:
    from .sgvg_core.environment import check_environment

    check_environment()  # before the nodes import torch's companions: one clear error in ComfyUI's log, with the command that mends it

    from comfy_api.latest import ComfyExtension, io

    from .nodes import NODES

    WEB_DIRECTORY = "./web"

    class SGVGExtension(ComfyExtension):
        """Hands ComfyUI the nodes of this pack."""

        async def get_node_list(self) -> list[type[io.ComfyNode]]:
            return list(NODES)

    async def comfy_entrypoint() -> ComfyExtension:
        """Called by ComfyUI once, at load."""
        return SGVGExtension()
