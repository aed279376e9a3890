"""The pack as ComfyUI loads it, with a stand-in for ComfyUI, and what its tests hand to nodes."""

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from stand_in import StandIn


class Pack:
    """The pack as ComfyUI loads it, and the stand-in that it runs in."""

    def __init__(self, module: ModuleType, host: StandIn) -> None:
        self.module, self.host = module, host
        self.nodes = {node.define_schema().node_id: node for node in module.NODES}
        self.part = lambda name: sys.modules[f"sgvg_pack.{name}"]

    def run(self, name: str, **inputs: Any) -> Any:
        with torch.inference_mode():
            return self.nodes[f"SGVG_{name}"].execute(**inputs)

    def walk(self, **changes: Any) -> tuple[Any, Any]:
        """Model and walk of half a second."""
        model = self.run("LoadModel", model_name="tiny")[0]
        sound = self.run("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.5)[0]
        ears = self.run("SoundInversionEncoder", model=model, audio=sound)
        start = self.run("StartLatent", model=model, seed=1, truncation_psi=1.0)
        return model, self.run("RecurrentWalker", model=model, sound_latents=ears[0], start_latent=start[0], **{"fps": 12.0, **changes})[0]


@pytest.fixture(scope="module")
def pack(pack_root: Path, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pack]:
    from sgvg_core.media import write_wav

    host = StandIn(tmp_path_factory.mktemp("stand_in"))
    shutil.copytree(tiny_model_folder, host.base / "models" / "sgvg" / "tiny")
    noise = torch.randn(2, 22_050, generator=torch.Generator().manual_seed(0))
    write_wav(host.base / "input" / "swell.wav", 0.2 * noise * torch.linspace(0.05, 1, 22_050), 22_050)
    (host.base / "input" / "notes.txt").write_text("no sound")
    before = dict(sys.modules)
    sys.modules.update(host.modules())
    spec = importlib.util.spec_from_file_location("sgvg_pack", pack_root / "__init__.py", submodule_search_locations=[str(pack_root)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sgvg_pack"] = module
    try:
        spec.loader.exec_module(module)
        yield Pack(module, host)
    finally:
        for name in set(sys.modules) - set(before):
            if name.split(".")[0] in ("sgvg_pack", "comfy", "comfy_api", "folder_paths", "server"):
                del sys.modules[name]
        sys.modules.update({name: before[name] for name in host.modules() if name in before})


def tone(channels: int = 2, num: int = 4000) -> torch.Tensor:
    """Samples [C, N] that are told apart by channel."""
    return 0.5 * torch.sin(torch.arange(num) * torch.linspace(0.1, 0.3, channels)[:, None])
