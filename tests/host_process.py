"""A real ComfyUI in a process of its own, with a tiny model in its models folder and a sound in its input folder."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class HostProcess:
    """Sends graphs to `host_driver.py`."""

    def __init__(self, python: str, comfyui: Path, base: Path, pack: Path) -> None:
        self.base, self.log = base, (base / "host.log").open("w+")
        command = [python, str(Path(__file__).with_name("host_driver.py")), str(comfyui), str(base), str(pack)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        self.read()

    def read(self) -> dict[str, Any]:
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            self.process.wait(900)
            pytest.fail("ComfyUI ended:\n" + (self.base / "host.log").read_text()[-4000:])
        return json.loads(line)

    def ask(self, **request: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps(request) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return self.read()

    def run(self, prompt: dict[str, Any], **request: Any) -> dict[str, Any]:
        """Run a graph that must succeed."""
        answer = self.ask(prompt=prompt, **request)
        assert answer["ok"], answer
        return answer

    def fail(self, prompt: dict[str, Any]) -> str:
        """Run a graph that must fail, and give the message."""
        answer = self.ask(prompt=prompt)
        assert not answer["ok"], "it should have failed"
        return json.dumps(answer["invalid"]) if "invalid" in answer else answer["errors"][0]["exception_message"]

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait(900)
        self.log.close()


@pytest.fixture(scope="session")
def host_base(comfyui_dir: Path, tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base directory for one ComfyUI."""
    import torch

    from sgvg_core.media import write_wav

    base = tmp_path_factory.mktemp("comfyui")
    shutil.copytree(tiny_model_folder, base / "models" / "sgvg" / "tiny")
    (base / "input").mkdir()
    (base / "custom_nodes").mkdir()
    shutil.copy(Path(__file__).parent / "pack" / "tiny_diffusion.py", base / "custom_nodes")
    noise = torch.randn(2, 44_100, generator=torch.Generator().manual_seed(0))
    write_wav(base / "input" / "swell.wav", 0.2 * noise * torch.linspace(0.05, 1, 44_100), 44_100)
    for name in ("gans", "sound"):
        (base / "elsewhere" / name).mkdir(parents=True)
    (base / "extra_model_paths.yaml").write_text(f"own:\n    base_path: {base / 'elsewhere'}\n    stylegan: gans\n    sgvg: sound\n")
    return base


@pytest.fixture(scope="session")
def host(comfyui_dir: Path, comfyui_python: str, pack_root: Path, host_base: Path) -> Iterator[HostProcess]:
    """ComfyUI, running."""
    process = HostProcess(comfyui_python, comfyui_dir, host_base, pack_root)
    yield process
    process.close()
