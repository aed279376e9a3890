"""The pack in a real ComfyUI server: it loads, shows its pages and templates, queues a long film over HTTP, and cancel stops it."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import torch
import websocket
from graphs import to_video, walk_graph

from sgvg_core.media import write_wav

pytestmark = pytest.mark.host


class Server:
    def __init__(self, port: int, base: Path) -> None:
        self.base = base
        self.address = f"http://127.0.0.1:{port}"

    def fetch(self, path: str, data: Any = None) -> bytes:
        """What the server answers; anything but a success raises."""
        body = None if data is None else json.dumps(data).encode()
        request = urllib.request.Request(self.address + quote(path, safe="/?=&"), data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=900) as reply:
            return reply.read()

    def get(self, path: str, data: Any = None) -> Any:
        text = self.fetch(path, data).decode()
        return json.loads(text) if text[:1] in ("{", "[") else text

    def messages(self, client: str) -> Iterator[dict[str, Any]]:
        """What the server tells a page, as it comes; the connection stands when this returns."""
        line = websocket.create_connection(f"ws{self.address.removeprefix('http')}/ws?clientId={client}", timeout=900)

        def told() -> Iterator[dict[str, Any]]:
            with contextlib.closing(line):
                while True:
                    message = line.recv()
                    if isinstance(message, str):  # pictures come as bytes
                        yield json.loads(message)

        return told()

    def wait(self, what: Callable[[], Any], seconds: float = 600) -> Any:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        return pytest.fail("the server didn't get there in time")


@pytest.fixture(scope="module")
def server(comfyui_dir: Path, comfyui_python: str, pack_root: Path, host_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    base = tmp_path_factory.mktemp("server")
    (base / "custom_nodes").mkdir(parents=True)
    for name in ("models", "input"):
        (base / name).symlink_to(host_base / name, target_is_directory=True)
    (base / "custom_nodes" / "sgvg").symlink_to(pack_root, target_is_directory=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [comfyui_python, "main.py", "--cpu", "--base-directory", str(base), "--disable-all-custom-nodes", "--whitelist-custom-nodes", "sgvg"]
    command += ["--disable-api-nodes", "--database-url", "sqlite:///:memory:", "--port", str(port), "--disable-auto-launch"]
    with (base / "server.log").open("w") as log:
        process = subprocess.Popen(command, cwd=comfyui_dir, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})
        try:
            running = Server(port, base)
            running.wait(lambda: answers(running) or process.poll() is not None)
            assert process.poll() is None, (base / "server.log").read_text()[-3000:]
            yield running
        finally:
            process.terminate()
            process.wait(900)


def answers(server: Server) -> bool:
    try:
        return bool(server.get("/system_stats"))
    except OSError:
        return False


def test_the_pack_is_there_with_its_pages(server: Server) -> None:
    assert {name for name in server.get("/object_info") if name.startswith("SGVG_")} >= {"SGVG_LoadModel", "SGVG_SynthesisToVideo"}
    assert server.get("/extensions/sgvg/docs/SGVG_Listen.md").startswith("# Listen")


def test_templates_and_their_images_are_served(server: Server, pack_root: Path) -> None:
    """Each under the address that the template browser asks for."""
    listed = server.get("/api/workflow_templates")["sgvg"]
    assert sorted(listed) == sorted(path.stem for path in (pack_root / "workflows").glob("*.json"))
    for name in listed:
        for ending in (".json", ".jpg"):
            assert server.fetch(f"/api/workflow_templates/sgvg/{name}{ending}") == (pack_root / "workflows" / f"{name}{ending}").read_bytes()


# The page's own way to open a template: it fetches the file and hands it to the canvas.
OPEN_TEMPLATE = """async name => {
  const reply = await fetch(`/api/workflow_templates/sgvg/${encodeURIComponent(name)}.json`);
  await window.app.loadGraphData(await reply.json(), true, true, name);
  await new Promise(done => setTimeout(done, 1000));
  const known = LiteGraph.registered_node_types, nodes = window.app.graph._nodes;
  const picture = new Image();
  picture.src = `/api/workflow_templates/sgvg/${encodeURIComponent(name)}.jpg`;
  await picture.decode();
  return {
    types: nodes.map(node => node.type),
    tracks: nodes.filter(node => node.type === "SGVG_LoadSound").map(node => node.widgets.find(widget => widget.name === "track").value),
    unknown: nodes.filter(node => !(node.type in known)).map(node => node.type),
    faulty: nodes.filter(node => node.has_errors).map(node => node.type),
    width: picture.naturalWidth,
  };
}"""


# As a user saves a workflow and opens it again; then as one is opened that was saved before there was a choice of a track.
SAVE_AND_OPEN = """async () => {
  const sounds = nodes => nodes.filter(node => node.type === "SGVG_LoadSound");
  const tracks = () => sounds(window.app.graph._nodes).map(node => node.widgets.find(widget => widget.name === "track"));
  tracks().forEach(widget => { widget.value = 2; });
  const saved = JSON.parse(JSON.stringify(window.app.graph.serialize()));
  await window.app.loadGraphData(saved);
  const again = tracks().map(widget => widget.value);
  sounds(saved.nodes).forEach(node => { node.widgets_values = [...node.widgets_values.slice(0, 3), ""]; });
  await window.app.loadGraphData(saved);
  await new Promise(done => setTimeout(done, 500));
  return { again, old: tracks().map(widget => widget.value) };
}"""


@pytest.mark.slow
def test_a_template_opens_in_the_browser(server: Server, pack_root: Path) -> None:
    """Where playwright and a Chromium are installed: each template has its nodes, none of them red, and its picture."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install playwright")
    server.get("/api/settings/Comfy.TutorialCompleted", True)  # else the page begins with the template browser
    with playwright.sync_playwright() as tools:
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), tools.chromium.executable_path)
        if not Path(program).exists():
            pytest.skip("no Chromium: python -m playwright install chromium")
        browser = tools.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.route(lambda address: not address.startswith(server.address), lambda route: route.abort())
        page.goto(server.address, wait_until="domcontentloaded")
        page.wait_for_function("() => window.app?.graph && window.app.extensionManager?.workflow?.activeWorkflow")
        for path in sorted((pack_root / "workflows").glob("*.json")):
            opened = page.evaluate(OPEN_TEMPLATE, path.stem)
            assert sorted(opened["types"]) == sorted(node["type"] for node in json.loads(path.read_text(encoding="utf-8"))["nodes"])
            assert not opened["unknown"], path.stem
            assert not opened["faulty"] or path.stem.startswith("04"), path.stem  # which names files of one's own that aren't there
            assert opened["width"] >= 256
            assert set(opened["tracks"]) == {0}, path.stem
            reopened = page.evaluate(SAVE_AND_OPEN)
            assert set(reopened["again"]) == {2}, path.stem
            assert set(reopened["old"]) == {0}, path.stem
        browser.close()


def test_a_film_over_http_and_cancel(server: Server) -> None:
    graph = {**walk_graph(), "film": to_video()}
    name = server.get("/prompt", {"prompt": graph})["prompt_id"]
    done = server.wait(lambda: server.get(f"/history/{name}").get(name))
    assert done["status"]["status_str"] == "success", done
    shown = done["outputs"]["film"]["images"][0]
    assert server.fetch(f"/view?filename={shown['filename']}&type=temp")[4:8] == b"ftyp"

    # Ten minutes of sound: cancel is shown by the frames that weren't painted.
    graph = {**walk_graph(walk={"fps": 60.0}), "film": to_video(size=256, batch_size=1)}
    write_wav(server.base / "input" / "long.wav", torch.zeros(1, 600 * 8_000), 8_000)
    graph["sound"]["inputs"]["audio"] = "long.wav"
    told = server.messages("test")
    name = server.get("/prompt", {"prompt": graph, "client_id": "test"})["prompt_id"]
    painted = [next(frames_of(told))]
    server.get("/interrupt", {})
    painted += frames_of(told)
    assert all(total == 36_000 for _, total in painted)
    assert 0 < painted[-1][0] < 36_000
    done = server.wait(lambda: server.get(f"/history/{name}").get(name))
    assert any(message[0] == "execution_interrupted" for message in done["status"]["messages"])
    assert [path.name for path in (server.base / "temp").iterdir() if path.suffix == ".mp4"] == [shown["filename"]], "the first film alone"


def frames_of(told: Iterator[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """(painted frames, all frames) as the film's node tells, until the run ends."""
    for message in told:
        if message["type"] in ("execution_interrupted", "execution_success", "execution_error"):
            return
        if message["type"] == "progress" and message["data"]["node"] == "film" and message["data"]["value"]:
            yield message["data"]["value"], message["data"]["max"]
