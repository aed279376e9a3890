"""A fit of minutes in a real ComfyUI: labelled sounds and a generator alone become a model, files of it, and a film from those files."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from graphs import Graph, node, save_images, synthesis, walk_graph
from host_process import HostProcess
from own_files import write_converted
from PIL import Image

pytestmark = pytest.mark.host

QUICK = {"num_codes": 16, "refine_steps": 2, "num_steps": 12, "variants": 1, "quiet": 0.35, "seed": 1}


@pytest.fixture(scope="module")
def studio(host: HostProcess) -> HostProcess:
    """ComfyUI with a generator and two sounds."""
    from sgvg_core.media import write_wav

    write_converted(host.base / "models" / "stylegan" / "small.pt")
    time = torch.arange(22_050) / 22_050
    write_wav(host.base / "input" / "whistle.wav", 0.4 * torch.sin(2 * torch.pi * 500 * time)[None], 22_050)
    write_wav(host.base / "input" / "steam.wav", 0.2 * torch.randn(1, 22_050, generator=torch.Generator().manual_seed(2)), 22_050)
    return host


def fit_graph(**changes: Any) -> Graph:
    """Nodes "gan", "first" and "second" (the labelled sounds), "fit", "info", "keep"."""
    choices = {"space": "auto", "clip_model": "ViT-B-32", "clip_weights": "(none)", "walker": "auto", **QUICK}
    graph: Graph = {
        "gan": node("SGVG_LoadStyleGAN", generator_name="small.pt"),
        "a": node("SGVG_LoadSound", audio="whistle.wav", start_seconds=0.0, length_seconds=0.0),
        "b": node("SGVG_LoadSound", audio="steam.wav", start_seconds=0.0, length_seconds=0.0),
        "first": node("SGVG_LabelSound", audio=["a", 0], label="fire"),
        "second": node("SGVG_LabelSound", audio=["b", 0], label="rain", others=["first", 0]),
        "fit": node("SGVG_FitSoundEncoder", model=["gan", 0], sounds=["second", 0], **choices),
        "info": node("PreviewAny", source=["fit", 2]),
    }
    for name, inputs in changes.items():
        graph[name]["inputs"].update(inputs)
    return graph


def images(host: HostProcess, answer: dict[str, Any], name: str) -> np.ndarray:
    paths = [host.base / item["type"] / item["subfolder"] / item["filename"] for item in answer["outputs"][name]["images"]]
    return np.stack([np.asarray(Image.open(path).convert("RGB")).astype(np.float32) for path in paths])


def test_a_fit_is_saved_loaded_and_filmed(studio: HostProcess) -> None:
    graph = fit_graph() | {"keep": node("SGVG_SaveSoundEncoder", model=["fit", 0], name="garden"), "names": node("PreviewAny", source=["keep", 0])}
    ears = node("SGVG_SoundInversionEncoder", model=["fit", 0], audio=["a", 0], batch_item=0)
    start = node("SGVG_StartLatent", model=["fit", 0], seed=3, truncation_psi=1.0, num_candidates=1)
    walk = {**walk_graph()["walk"]["inputs"], "model": ["fit", 0]}
    film = {"ears": ears, "start": start, "walk": node("SGVG_RecurrentWalker", **walk), "frames": synthesis(model=["fit", 0])}
    answer = studio.run({**graph, **film, "save": save_images("frames")})
    shown = images(studio, answer, "save")
    assert shown.shape == (12, 32, 32, 3)
    assert np.abs(np.diff(shown, axis=0)).mean() > 0.01, "the picture should move"
    assert images(studio, answer, "fit").shape == (2, 32, 32, 3)
    said = answer["outputs"]["info"]["text"][0]
    assert re.match(r"fire: \d+% of starts show it \(without the offset \d+%\)\nrain: .*\nsounds told apart: ", said)
    assert "walker: follows the sound" in said
    assert answer["outputs"]["names"]["text"][0] == "garden/sound_encoder.safetensors"
    assert any(preview for _, _, preview in answer["updates"]), "pictures are shown while it works"

    parts = {"sound_encoder": "garden/sound_encoder.safetensors", "walker": "garden/walker.safetensors", "made_for": "auto"}
    loaded = node("SGVG_LoadSoundParts", model=["gan", 0], mid_block="auto", fine_block="auto", **parts)
    again = {"gan": graph["gan"], "a": graph["a"], "fit": loaded, **film, "save": save_images("frames")}
    np.testing.assert_allclose(images(studio, studio.run(again), "save"), shown, atol=1)


def test_a_whole_model_keeps_its_walker_and_a_name_is_never_overwritten(studio: HostProcess) -> None:
    graph = fit_graph(fit={"model": ["whole", 0]}) | {"whole": node("SGVG_LoadModel", model_name="tiny")}
    del graph["gan"]
    graph["keep"] = node("SGVG_SaveSoundEncoder", model=["fit", 0], name="twice")
    assert "walker: the model's own" in studio.run(graph)["outputs"]["info"]["text"][0]
    graph["fit"]["inputs"]["seed"] = 2
    studio.run(graph)
    folder = studio.base / "models" / "sgvg"
    assert (folder / "twice" / "walker.safetensors").read_bytes() == (folder / "twice 2" / "walker.safetensors").read_bytes()
    first, second = ((folder / name / "sound_encoder.safetensors").read_bytes() for name in ("twice", "twice 2"))
    assert first != second


def test_cancel_stops_a_fit_at_once(studio: HostProcess) -> None:
    answer = studio.ask(prompt=fit_graph(fit={"num_steps": 5000, "seed": 9}), cancel_after=4)
    assert answer["interrupted"]
    assert len(answer["updates"]) == 5, "the one that was answered by cancel is the last"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": {"label": " "}}, "label: got no words; write what the sound is"),
        ({"fit": {"walker": "keep"}}, "walker: small.pt is a generator alone and has none to keep"),
        ({"fit": {"space": "open_clip"}}, "clip weights: got none; choose the file"),
    ],
)
def test_errors_name_the_input(studio: HostProcess, changes: dict[str, Any], message: str) -> None:
    assert message in studio.fail(fit_graph(**changes))


@pytest.mark.parametrize("name", ["", "../out", "a/b", ".hidden"])
def test_a_name_stays_inside_the_models(studio: HostProcess, name: str) -> None:
    graph = fit_graph() | {"keep": node("SGVG_SaveSoundEncoder", model=["fit", 0], name=name)}
    assert f"name: got {name!r}, expected the name of one folder" in studio.fail(graph)
