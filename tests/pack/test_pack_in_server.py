"""The pack in a real ComfyUI server: it loads, shows its pages, queues a long film over HTTP, and cancel stops it at once."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from graphs import node, to_video, walk_graph

pytestmark = pytest.mark.host


class Server:
    def __init__(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"

    def get(self, path: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.address + path, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read().decode()
        return json.loads(text) if text[:1] in ("{", "[") else text

    def wait(self, what: Callable[[], Any], seconds: float = 120) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        return pytest.fail("the server didn't get there in time")


@pytest.fixture
def server(comfyui_dir: Path, pack_root: Path, host_base: Path) -> Iterator[Server]:
    base = host_base.parent / "server"
    (base / "custom_nodes").mkdir(parents=True)
    for name in ("models", "input"):
        (base / name).symlink_to(host_base / name, target_is_directory=True)
    (base / "custom_nodes" / "sgvg").symlink_to(pack_root, target_is_directory=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "main.py", "--cpu", "--base-directory", str(base), "--disable-all-custom-nodes", "--whitelist-custom-nodes", "sgvg"]
    command += ["--disable-api-nodes", "--database-url", "sqlite:///:memory:", "--port", str(port), "--disable-auto-launch"]
    with (base / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=comfyui_dir, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            running = Server(port)
            running.wait(lambda: answers(running) or process.poll() is not None)
            assert process.poll() is None, (base / "server.log").read_text()[-3000:]
            yield running
        finally:
            process.terminate()
            process.wait(30)


def answers(server: Server) -> bool:
    try:
        return bool(server.get("/system_stats"))
    except OSError:
        return False


def test_a_film_over_http_and_cancel(server: Server, host_base: Path) -> None:
    assert {name for name in server.get("/object_info") if name.startswith("SGVG_")} >= {"SGVG_LoadModel", "SGVG_SynthesisToVideo"}
    assert server.get("/extensions/sgvg/docs/SGVG_Listen.md").startswith("# Listen")
    assert "sgvg" in server.get("/api/workflow_templates")

    graph = {**walk_graph(), "film": to_video()}
    name = server.get("/prompt", {"prompt": graph})["prompt_id"]
    done = server.wait(lambda: server.get(f"/history/{name}").get(name))
    assert done["status"]["status_str"] == "success", done
    shown = done["outputs"]["film"]["images"][0]
    with urllib.request.urlopen(f"{server.address}/view?filename={shown['filename']}&type=temp", timeout=60) as reply:
        assert reply.read()[4:8] == b"ftyp"

    # Ten minutes of sound: far more than the test would wait for.
    graph = {**walk_graph(walk={"fps": 60.0}), "film": to_video(size=256, batch_size=1)}
    graph["sound"] = node("EmptyAudio", duration=600.0, sample_rate=8_000, channels=1)
    temp = host_base.parent / "server" / "temp"
    name = server.get("/prompt", {"prompt": graph})["prompt_id"]
    server.wait(lambda: list(temp.glob(".SGVG*")))
    pressed = time.monotonic()
    server.get("/interrupt", {})
    done = server.wait(lambda: server.get(f"/history/{name}").get(name))
    assert time.monotonic() - pressed < 2
    assert any(message[0] == "execution_interrupted" for message in done["status"]["messages"])
    assert [path.name for path in temp.iterdir() if path.suffix == ".mp4"] == [shown["filename"]], "the first film alone"
