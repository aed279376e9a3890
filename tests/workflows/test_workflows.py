"""The workflows of the pack: both forms say the same, and each runs in a real ComfyUI and leaves moving pictures with sound."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from host_process import HostProcess
from own_files import write_released, write_stylegan3_pickle
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "workflows").glob("*.json"))
NAMES = [path.stem for path in FILES]
PAGE_ONLY = {"MarkdownNote", "Note"}


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def test_each_is_complete() -> None:
    assert len(FILES) >= 11
    for path in FILES:
        assert (path.parent / "api" / path.name).is_file()
        assert Image.open(path.with_suffix(".jpg")).size[0] >= 256
    assert sum(path.stat().st_size for path in (ROOT / "workflows" / "assets").iterdir()) < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_both_forms_have_the_same_nodes_and_wires(name: str) -> None:
    page, api = load(ROOT / "workflows" / f"{name}.json"), load(ROOT / "workflows" / "api" / f"{name}.json")
    nodes = {str(node["id"]): node for node in page["nodes"] if node["type"] not in PAGE_ONLY}
    assert {key: node["type"] for key, node in nodes.items()} == {key: node["class_type"] for key, node in api.items()}
    wires = {(str(source), slot, str(target), nodes[str(target)]["inputs"][place]["name"]) for _, source, slot, target, place, _ in page["links"]}
    assert wires == {(*value, key, name) for key, node in api.items() for name, value in node["inputs"].items() if isinstance(value, list)}
    for key, node in api.items():
        plain = [value for name, value in node["inputs"].items() if not isinstance(value, list) and name != "audioUI"]
        assert all(value in nodes[key]["widgets_values"] for value in plain), node["class_type"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_on_the_page(name: str) -> None:
    nodes = load(ROOT / "workflows" / f"{name}.json")["nodes"]
    boxes = [(node["pos"][0], node["pos"][1] - 30, node["pos"][0] + node["size"][0], node["pos"][1] + node["size"][1]) for node in nodes]
    for index, first in enumerate(boxes):
        for other in boxes[:index]:
            apart = first[2] <= other[0] or other[2] <= first[0] or first[3] <= other[1] or other[3] <= first[1]
            assert apart, f"{nodes[index]['type']} covers another node"


@pytest.mark.parametrize("name", NAMES)
def test_load_sound_has_room_for_what_it_says(name: str) -> None:
    """In the new node design it's 330 high once it has said what it loaded."""
    nodes = load(ROOT / "workflows" / f"{name}.json")["nodes"]
    for sound in (node for node in nodes if node["type"] == "SGVG_LoadSound"):
        (left, top), right = sound["pos"], sound["pos"][0] + sound["size"][0]
        column = [node for node in nodes if node["pos"][0] < right and node["pos"][0] + node["size"][0] > left]
        assert all(node["pos"][1] - 30 >= top + 340 for node in column if node["pos"][1] > top), f"below {sound['pos']}"


@pytest.mark.parametrize("name", NAMES)
def test_load_video_has_room_for_its_player(name: str) -> None:
    """At this width it's some 420 high once it shows a square video."""
    nodes = load(ROOT / "workflows" / f"{name}.json")["nodes"]
    assert all(node["size"][1] >= 430 for node in nodes if node["type"] == "LoadVideo")


@pytest.mark.parametrize("name", NAMES)
def test_groups_have_room_between_them(name: str) -> None:
    groups = sorted(group["bounding"] for group in load(ROOT / "workflows" / f"{name}.json")["groups"])
    assert all(behind[0] - (before[0] + before[2]) >= 10 for before, behind in itertools.pairwise(groups))


@pytest.mark.parametrize("name", NAMES)
def test_each_node_stands_in_one_group_below_its_title(name: str) -> None:
    page = load(ROOT / "workflows" / f"{name}.json")
    groups = [group["bounding"] for group in page["groups"]]
    for node in page["nodes"]:
        (left, top), (width, height) = node["pos"], node["size"]
        inside = [g for g in groups if g[0] <= left and left + width <= g[0] + g[2] and g[1] + 60 <= top - 30 and top + height <= g[1] + g[3]]
        assert len(inside) == 1, f"{node['type']} at {node['pos']}"


@pytest.fixture(scope="module")
def schemas(host: HostProcess) -> dict[str, Any]:
    """The nodes of this ComfyUI."""
    return host.ask(schemas=True)


@pytest.mark.host
@pytest.mark.parametrize("name", NAMES)
def test_each_fits_the_nodes_of_this_comfyui(schemas: dict[str, Any], name: str) -> None:
    for node in load(ROOT / "workflows" / f"{name}.json")["nodes"]:
        assert node["type"] in {*schemas["all"], *PAGE_ONLY}
        if node["type"] in schemas["nodes"]:
            inputs = schemas["nodes"][node["type"]]["input"]
            known = {**inputs.get("required", {}), **inputs.get("optional", {})}
            widgets = [key for key, entry in known.items() if entry[0] in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO", "AUDIO_UI")]
            widgets = [key for key in widgets if not known[key][1].get("forceInput")]
            widgets += [key for key in widgets if known[key][1].get("control_after_generate")]
            assert len(node["widgets_values"]) == len(widgets), node["type"]
            assert "audioUI" not in widgets[:-1], "pages keep no value for the player, so those of widgets after it would move to others"
            assert {slot["name"] for slot in node["inputs"]} <= set(known)


@pytest.fixture(scope="module")
def own_files(host: HostProcess) -> None:
    """Tiny files with random weights under the names that the fourth workflow asks for."""
    graph = load(ROOT / "workflows" / "api" / f"{NAMES[3]}.json")
    name = next(node["inputs"]["generator_name"] for node in graph.values() if node["class_type"] == "SGVG_LoadStyleGAN")
    write_stylegan3_pickle(host.base / "models" / "stylegan" / name)
    write_released(host.base / "models" / "sgvg" / "released")


@pytest.mark.host
@pytest.mark.usefixtures("own_files")
@pytest.mark.parametrize("name", NAMES)
def test_each_runs_and_leaves_moving_images_with_sound(host: HostProcess, name: str) -> None:
    """With the tiny model or tiny files, one second and few candidates; else as it stands."""
    from sgvg_core.media import probe_sound, read_sound, read_video_frames

    graph = load(ROOT / "workflows" / "api" / f"{name}.json")
    for node in graph.values():
        small = {"model_name": "tiny", "length_seconds": 1.0, "num_candidates": 4, "size": 64, "labels": "rain, fire", "words": "rain, fire"}
        if node["class_type"] == "CheckpointLoaderSimple":
            node["class_type"] = "Test_TinyCheckpoint"
        small |= {"num_centres": 4, "num_codes": 50, "num_steps": 12, "variants": 1, "warm_steps": 1, "steps": 2, "width": 64, "height": 64}
        if node["class_type"] == "SGVG_PictureShape":
            small |= {"width": 48, "height": 32}
        if node["class_type"] == "SGVG_SeamlessLoop":
            small |= {"bars": 0, "seconds": 1.0}
        node["inputs"].update({key: value for key, value in small.items() if key in node["inputs"]})
    answer = host.run(graph)
    films = [item for output in answer["outputs"].values() for item in output.get("images", ()) if item["filename"].endswith(".mp4")]
    assert "output" in {item["type"] for item in films} or not any(node["class_type"] == "SaveVideo" for node in graph.values())
    for item in films:
        path = host.base / item["type"] / item["subfolder"] / item["filename"]
        frames = np.stack([frame.numpy() for frame in read_video_frames(path)]).astype(np.float32)
        assert abs(len(frames) / float(probe_sound(path).fps) - 1) < 0.1  # type: ignore[arg-type]
        assert frames.std() > 2
        assert np.abs(np.diff(frames, axis=0)).mean() > 0.01
        assert read_sound(path)[0].std() > 1e-3
    stills = [item for output in answer["outputs"].values() for item in output.get("images", ()) if item["filename"].endswith(".png")]
    for item in stills:
        image = Image.open(host.base / item["type"] / item["subfolder"] / item["filename"]).convert("RGB")
        assert np.asarray(image).std() > 2


@pytest.mark.host
def test_the_first_one_runs_with_the_bundled_model(host: HostProcess) -> None:
    from sgvg_core.assembly import BUNDLED
    from sgvg_core.media import read_video_frames

    if not (BUNDLED / "generator.safetensors").is_file():
        pytest.skip("no bundled model in this checkout")
    graph = load(ROOT / "workflows" / "api" / f"{NAMES[0]}.json")
    for node in graph.values():
        node["inputs"].update({key: value for key, value in {"length_seconds": 0.4, "num_candidates": 8}.items() if key in node["inputs"]})
    answer = host.run(graph)
    item = next(item for output in answer["outputs"].values() for item in output.get("images", ()) if item["filename"].endswith(".mp4"))
    frames = [frame.float() for frame in read_video_frames(host.base / item["type"] / item["subfolder"] / item["filename"])]
    assert len(frames) == 10
    assert min(frame.std() for frame in frames) > 10
