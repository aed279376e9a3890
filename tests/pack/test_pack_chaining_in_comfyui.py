"""Curves and chaining in a real ComfyUI, with core's own text encoder, CLIP vision, sampler and VAE, tiny and with random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import Graph, node, save_images, synthesis, to_video, walk_graph
from host_process import HostProcess
from PIL import Image

pytestmark = pytest.mark.host


def one_hot(host: HostProcess, name: str, columns: dict[str, list[float]], fps: int = 12) -> Graph:
    """A node "curves" that loads a file of curves."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join(["seconds", *columns]), *(",".join(map(str, [index / fps, *row])) for index, row in enumerate(rows))]
    (host.base / "input" / f"{name}.csv").write_text("\n".join(lines))
    return {"curves": node("SGVG_LoadCurves", file=f"{name}.csv", fps=0.0)}


def probe(source: str, output: int, name: str) -> dict[str, Any]:
    return node("Test_Probe", value=[source, output], name=name)


def probed(host: HostProcess, name: str) -> Any:
    return torch.load(host.base / "output" / f"{name}.pt", weights_only=False)


def images(host: HostProcess, answer: dict[str, Any], name: str) -> np.ndarray:
    paths = [host.base / item["type"] / item["subfolder"] / item["filename"] for item in answer["outputs"][name]["images"]]
    return np.stack([np.asarray(Image.open(path).convert("RGB")).astype(np.float32) for path in paths])


PROMPTS: Graph = {
    "checkpoint": node("Test_TinyCheckpoint", ckpt_name=""),
    "rain": node("CLIPTextEncode", clip=["checkpoint", 1], text="a street in the rain"),
    "fire": node("CLIPTextEncode", clip=["checkpoint", 1], text="a burning forest at night"),
}


def mixed(**changes: Any) -> dict[str, Any]:
    inputs = {"labels": "rain, fire", "sharpness": 1.0, "conditioning_1": ["rain", 0], "conditioning_2": ["fire", 0]}
    return node("SGVG_SoundToConditioning", curves=["curves", 0], **{**inputs, **changes})


def test_curves_go_through_tools_plot_and_files_as_one_list(host: HostProcess) -> None:
    graph = {
        "sound": node("SGVG_LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.0),
        "curves": node("SGVG_SoundCurves", audio=["sound", 0], fps=12.0, names="chroma_c", scale="relative", num_frames=0),
        "tools": tools(curve=["curves", 4], smooth=0.1, to_high=2.0),
        "plot": node("SGVG_CurvePlot", curves=["curves", 0], second=["tools", 0], third=["tools", 3], fps=12.0, width=600, theme="dark"),
        "all": node("SGVG_SaveCurves", curves=["curves", 0], fps=12.0, filename_prefix="curves/all", format="JSON"),
        "one": node("SGVG_SaveCurves", curves=["tools", 1], fps=12.0, filename_prefix="curves/one", format="CSV"),
        "keyframes": node("CreateHookKeyframesFromFloats", floats_strength=["tools", 1], start_percent=0.0, end_percent=1.0, print_keyframes=False),
        "list": probe("curves", 4, "list"),
        "hooks": node("Test_Probe", value=["keyframes", 0], name="hooks"),
        "save": save_images("plot", prefix="plot"),
    }
    answer = host.run(graph)
    assert images(host, answer, "save").shape[2:] == (600, 3)
    assert answer["outputs"]["list"]["count"] == [1], "one list, so that what follows runs once"
    assert len(probed(host, "list")[0]) == 12
    assert len(list((host.base / "output" / "curves").glob("one_*"))) == 1
    saved = json.loads((host.base / "output" / "curves" / "all_00001_.json").read_text())
    assert (saved["fps"], saved["frames"]) == ("12", 12)


def tools(**changes: Any) -> dict[str, Any]:
    usual = {"fps": 12.0, "mix_share": 0.5, "smooth": 0.0, "attack": 0.0, "hold": 0.0, "release": 0.0, "gate": -10_000.0, "delay": 0.0,
             "on_beats": False, "wander": 0.0, "wander_seed": 0, "invert": False, "from_low": 0.0, "from_high": 1.0, "to_low": 0.0,
             "to_high": 1.0, "shape": "linear"}  # fmt: skip
    return node("SGVG_CurveTools", **{**usual, **changes})


def test_one_hot_scores_give_exactly_the_encoders_own_embeddings(host: HostProcess) -> None:
    columns = {"rain": [1.0, 0.0, 0.5, 1.0], "fire": [0.0, 1.0, 0.5, 0.0]}
    graph = {**PROMPTS, **one_hot(host, "hot", columns), "mix": mixed(), "a": probe("rain", 0, "a"), "b": probe("fire", 0, "b"),
             "c": probe("mix", 0, "c")}  # fmt: skip
    host.run(graph)
    rain, fire, mix = (probed(host, name)[0][0] for name in "abc")
    assert mix[0].shape == (4, *rain[0].shape[1:])
    for part in (lambda one: one[0], lambda one: one[1]["pooled_output"]):
        assert torch.equal(part(mix)[[0, 3]], part(rain).repeat(2, *[1] * (part(rain).ndim - 1)))
        assert torch.equal(part(mix)[1], part(fire)[0])
        assert torch.allclose(part(mix)[2], (part(rain)[0] + part(fire)[0]) / 2, atol=1e-6)
    assert not torch.equal(rain[0], fire[0])


def test_pictures_are_mixed_in_the_space_of_the_users_clip_vision(host: HostProcess) -> None:
    for name, seed in (("wet", 0), ("hot", 1)):
        noise = np.random.default_rng(seed).integers(0, 255, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(noise).save(host.base / "input" / f"{name}.png")
    graph = {**PROMPTS, **one_hot(host, "pictures", {"wet": [1.0, 0.0, 0.5], "hot": [0.0, 1.0, 0.5]}), "vision": node("Test_TinyClipVision")}
    for name in ("wet", "hot"):
        graph[f"load {name}"] = node("LoadImage", image=f"{name}.png")
        graph[name] = node("CLIPVisionEncode", clip_vision=["vision", 0], image=[f"load {name}", 0], crop="center")
        graph[f"probe {name}"] = probe(name, 0, name)
    graph["mix"] = node("SGVG_SoundToCLIPVision", curves=["curves", 0], labels="wet, hot", sharpness=1.0, frame=1, picture_1=["wet", 0],
                        picture_2=["hot", 0])  # fmt: skip
    graph |= {"moment": probe("mix", 0, "moment"), "embeds": probe("mix", 1, "embeds")}
    graph["unclip"] = node("unCLIPConditioning", conditioning=["rain", 0], clip_vision_output=["mix", 0], strength=1.0, noise_augmentation=0.0)
    graph["probe unclip"] = probe("unclip", 0, "unclip")
    host.run(graph)
    wet, hot, moment, embeds = (probed(host, name)[0] for name in ("wet", "hot", "moment", "embeds"))
    assert embeds.shape == (3, 24)
    assert torch.equal(embeds[:2], torch.cat([wet["image_embeds"], hot["image_embeds"]]))
    assert embeds[2].norm() == pytest.approx(float(wet["image_embeds"].norm() + hot["image_embeds"].norm()) / 2, rel=1e-4)
    for name in ("image_embeds", "last_hidden_state", "penultimate_hidden_states"):
        assert torch.equal(moment[name], hot[name])
    passed = probed(host, "unclip")[0][0][1]["unclip_conditioning"][0]["clip_vision_output"]
    assert torch.equal(passed["image_embeds"], hot["image_embeds"])


def img2img(host: HostProcess) -> Graph:
    """A film of ours, drawn anew where a curve is high, under prompts that a curve mixes."""
    half = {"rain": [1.0] * 6 + [0.0] * 6, "fire": [0.0] * 6 + [1.0] * 6, "denoise": [0.0] * 3 + [1.0] * 9, "none": [0.0] * 12}
    return {
        **walk_graph(), **PROMPTS, **one_hot(host, "film", half),
        "frames": synthesis(size=64),
        "mix": mixed(),
        "pick": node("SGVG_PickCurve", curves=["curves", 0], name="denoise"),
        "schedule": node("SGVG_SoundSchedule", curve=["pick", 0], low=0.0, high=1.0, fps=12.0, prompts="", hold_seconds=0.5),
        "encoded": node("VAEEncode", pixels=["frames", 0], vae=["checkpoint", 2]),
        "masked": node("SetLatentNoiseMask", samples=["encoded", 0], mask=["schedule", 2]),
        "sampled": node("KSampler", model=["checkpoint", 0], seed=1, steps=3, cfg=1.0, sampler_name="euler", scheduler="normal",
                        positive=["mix", 0], negative=["rain", 0], latent_image=["masked", 0], denoise=0.8),
        "decoded": node("VAEDecode", samples=["sampled", 0], vae=["checkpoint", 2]),
        "plain": node("VAEDecode", samples=["encoded", 0], vae=["checkpoint", 2]),
        "save": save_images("decoded", prefix="drawn"), "save plain": save_images("plain", prefix="plain"),
        "latent": probe("sampled", 0, "latent"),
    }  # fmt: skip


def test_a_film_of_ours_goes_through_img2img_with_a_denoise_curve(host: HostProcess) -> None:
    graph = img2img(host)
    answer = host.run(graph)
    drawn, plain = images(host, answer, "save"), images(host, answer, "save plain")
    assert drawn.shape == plain.shape == (12, 64, 64, 3)
    changed = np.abs(drawn - plain).mean((1, 2, 3))
    assert changed[:3].max() < 1, "where the curve is 0 the frame stays"
    assert changed[3:].min() > 3, "where it's 1 the frame is drawn anew"
    first = probed(host, "latent")[0]["samples"]
    graph["mix"] = mixed(labels="rain, none")
    host.run(graph)
    second = probed(host, "latent")[0]["samples"]
    moved = (first - second).abs().amax((1, 2, 3))
    assert moved[:6].max() < 1e-4, "row t of the conditioning goes to frame t"
    assert moved[6:].min() > 1e-3


def test_a_film_is_scored_and_prompts_are_scheduled(host: HostProcess) -> None:
    words = "rain: a street\nfire: a forest"
    curves = one_hot(host, "prompts", {"rain": [1.0] * 6 + [0.0] * 6, "fire": [0.0] * 6 + [1.0] * 6})
    graph = {**walk_graph(), **curves, "film": to_video(), "score": node("SGVG_SyncScore", video=["film", 0], max_lag=0.3),
             "schedule": node("SGVG_SoundSchedule", low=0.0, high=1.0, fps=12.0, curves=["curves", 0], prompts=words, hold_seconds=0.2),
             "lag": probe("score", 0, "lag"), "text": probe("schedule", 3, "text")}  # fmt: skip
    host.run(graph)
    assert abs(probed(host, "lag")[0]) <= 0.3
    assert probed(host, "text") == ['"0": "a street",\n"6": "a forest"']


def test_what_does_not_fit_is_said_before_anything_is_drawn(host: HostProcess) -> None:
    base = {**PROMPTS, **one_hot(host, "unfit", {"rain": [1.0, 0.0], "fire": [0.0, 1.0]}), "out": probe("mix", 0, "unfit")}
    assert "labels: got 1 for 2 connected examples" in host.fail({**base, "mix": mixed(labels="rain")})
    long = {**base, "fire": node("CLIPTextEncode", clip=["checkpoint", 1], text="very " * 100), "mix": mixed()}
    assert "conditioning 2: got shape" in host.fail(long)
    assert not Path(host.base / "output" / "unfit.pt").exists()
