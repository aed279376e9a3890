"""Runs graphs in a real ComfyUI inside this process, without a server: one JSON request a line in, one JSON answer a line out.

    python host_driver.py COMFYUI_DIR BASE_DIR PACK_DIR

BASE_DIR becomes ComfyUI's base directory (models, input, output, temp). A process of its own, because ComfyUI puts `nodes`, `utils`, `app`
and more on the search path. A request is {"prompt": graph} and, to cancel, {"cancel_after": number of bar updates, "cancel_of": the bar's
end}; {"schemas": true} asks for the nodes of the pack as the page sees them.
"""

import asyncio
import json
import os
import sys
import uuid
from pathlib import Path
from types import MappingProxyType

SCHEMA = ("input", "output", "output_name", "output_tooltips", "display_name", "description", "category")
EXTRAS = ("nodes_latent.py", "nodes_audio.py", "nodes_video.py", "nodes_preview_any.py", "nodes_images.py", "nodes_post_processing.py",
          "nodes_hooks.py")


class Server:
    """All that PromptExecutor asks of a server."""

    client_id = None
    last_node_id = None
    last_prompt_id = None
    sockets_metadata = MappingProxyType({})

    def send_sync(self, event, data, sid=None):
        pass


class Host:
    def __init__(self, comfyui: Path, base: Path, pack: Path) -> None:
        sys.path.insert(0, str(comfyui))
        from comfy.cli_args import args

        args.cpu, args.base_directory = True, str(base)  # before the folders are read
        import utils.extra_config  # noqa: I001 - before `nodes`, which puts another `utils` in front
        import comfy.model_management
        import comfy.utils
        import execution
        import folder_paths
        import nodes
        import torch

        torch.set_num_threads(1)
        for kind in ("output", "temp", "input", "user"):
            (base / kind).mkdir(exist_ok=True)
        self.base = base
        self.folders, self.nodes, self.management, self.execution, self.torch = folder_paths, nodes, comfy.model_management, execution, torch
        comfy.utils.set_progress_bar_global_hook(self.on_progress)
        if (base / "extra_model_paths.yaml").is_file():  # before the nodes, as main.py does
            utils.extra_config.load_extra_path_config(str(base / "extra_model_paths.yaml"))
        asyncio.run(self.load(comfyui, pack))
        kept = {"lru": 0, "ram": 0.0, "ram_inactive": 0.0}  # newer ones give results up when memory is short; here never
        newer = getattr(execution.CacheType, "RAM_PRESSURE", None)
        self.executor = execution.PromptExecutor(Server(), **({"cache_type": newer, "cache_args": kept} if newer else {}))
        self.updates: list = []
        self.cancel_after: int | None = None
        self.cancel_of: float | None = None

    async def load(self, comfyui: Path, pack: Path) -> None:
        for name in EXTRAS:
            assert await self.nodes.load_custom_node(str(comfyui / "comfy_extras" / name), module_parent="comfy_extras"), name
        for path in sorted((self.base / "custom_nodes").glob("*.py")):
            assert await self.nodes.load_custom_node(str(path), module_parent="custom_nodes"), path
        assert await self.nodes.load_custom_node(str(pack), module_parent="custom_nodes"), "the pack didn't load"

    def on_progress(self, value, total, preview=None, prompt_id=None, node_id=None) -> None:
        """As ComfyUI's main.py hooks the bar: cancel raises here, too."""
        self.management.throw_exception_if_processing_interrupted()
        self.updates.append([value, total, None if preview is None else list(preview[1].size)])
        bar = [update for update in self.updates if self.cancel_of in (None, update[1])]
        if self.cancel_after is not None and len(bar) > self.cancel_after:
            self.cancel_after = None
            self.management.interrupt_current_processing()

    def run(self, request: dict) -> dict:
        prompt, self.updates = request["prompt"], []
        self.cancel_after, self.cancel_of = request.get("cancel_after"), request.get("cancel_of")
        name = str(uuid.uuid4())
        valid, error, good, node_errors = asyncio.run(self.execution.validate_prompt(name, prompt, None))
        if not valid:
            return {"ok": False, "invalid": [error, node_errors]}
        with self.torch.inference_mode():
            self.executor.execute(prompt, name, {}, good)
        bad = [message for message in self.executor.status_messages if message[0] in ("execution_error", "execution_interrupted")]
        cached = next((message[1]["nodes"] for message in self.executor.status_messages if message[0] == "execution_cached"), [])
        return {
            "ok": not bad,
            "outputs": self.executor.history_result.get("outputs", {}),
            "errors": [{key: message[1].get(key) for key in ("node_type", "exception_message", "exception_type")} for message in bad],
            "interrupted": any(message[0] == "execution_interrupted" for message in bad),
            "updates": self.updates,
            "cached": cached,
        }

    def schemas(self) -> dict:
        found = {}
        for name, kind in self.nodes.NODE_CLASS_MAPPINGS.items():
            if name.startswith("SGVG_"):
                info = kind.GET_NODE_INFO_V1()
                found[name] = {key: info[key] for key in SCHEMA}
        return {"ok": True, "nodes": found, "all": sorted(self.nodes.NODE_CLASS_MAPPINGS), "web": self.nodes.EXTENSION_WEB_DIRS}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what ComfyUI prints goes where its log goes
    host = Host(*(Path(argument) for argument in sys.argv[1:4]))
    print(json.dumps({"ok": True}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = host.schemas() if request.get("schemas") else host.run(request)
        print(json.dumps(answer, default=str), file=answers, flush=True)


if __name__ == "__main__":
    main()
