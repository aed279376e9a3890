"""Checkpoints of other people's code in a real ComfyUI: from a file to pictures, films and files of latents."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from graphs import Graph, node, save_images, synthesis, to_video, walk_graph
from host_process import HostProcess
from own_files import (
    STYLEGAN3_256,
    STYLEGAN3_CLASSES,
    write_converted,
    write_image_encoder,
    write_own,
    write_released,
    write_released_walker,
    write_stylegan3_pickle,
    write_wide_sound_encoder,
)
from PIL import Image

pytestmark = pytest.mark.host


@pytest.fixture(scope="module")
def own(host: HostProcess) -> HostProcess:
    """ComfyUI with such files in its folders."""
    models = host.base / "models"
    write_stylegan3_pickle(models / "stylegan" / "waves.pkl")
    write_own(models / "stylegan" / "waves.safetensors")
    write_stylegan3_pickle(models / "stylegan" / "classes.pkl", config=STYLEGAN3_CLASSES)
    write_converted(models / "stylegan" / "converted.pt")
    (models / "stylegan" / "quota.pkl").write_text("<!DOCTYPE html><html><body>Quota exceeded</body></html>")
    write_released(models / "sgvg" / "released")
    write_image_encoder(models / "sgvg" / "e4e.pt")
    write_image_encoder(models / "sgvg" / "restyle.pt", "BackboneEncoder")
    write_image_encoder(models / "sgvg" / "other.pt", num_ws=10)
    return host


def own_graph(generator: str = "waves.pkl", **changes: Any) -> Graph:
    """Nodes "gan" (the generator), "model" (with the released parts), and those of `walk_graph`, in the released way."""
    parts = {"sound_encoder": "released/audio_inversion_.pth", "walker": "released/coarseformer_.pth", "mid_block": "auto", "fine_block": "auto"}
    graph = walk_graph(start={"truncation_psi": 0.0}, walk={"beta": 0.4, "sound_once": True, "fps": 10.0})
    graph["gan"] = node("SGVG_LoadStyleGAN", generator_name=generator)
    graph["model"] = node("SGVG_LoadSoundParts", model=["gan", 0], made_for="auto", **parts)
    for name, inputs in changes.items():
        graph[name]["inputs"].update(inputs)
    return graph


def still(generator: str, seed: int = 3) -> Graph:
    """A picture of a generator alone."""
    gan = node("SGVG_LoadStyleGAN", generator_name=generator)
    start = node("SGVG_StartLatent", model=["gan", 0], seed=seed, truncation_psi=1.0, num_candidates=1)
    return {"gan": gan, "start": start, "save": save_images("start", 1), "info": node("PreviewAny", source=["gan", 1])}


def files(host: HostProcess, answer: dict[str, Any], name: str) -> list[Path]:
    return [host.base / item["type"] / item["subfolder"] / item["filename"] for item in answer["outputs"][name]["images"]]


def frames(host: HostProcess, graph: Graph, name: str = "save") -> np.ndarray:
    """The pictures that a graph saves; none is of one colour."""
    shown = np.stack([np.asarray(Image.open(path).convert("RGB")).astype(np.float32) for path in files(host, host.run(graph), name)])
    assert shown.std(axis=(1, 2, 3)).min() > 2
    return shown


def info(answer: dict[str, Any], name: str = "info") -> str:
    return answer["outputs"][name]["text"][0]


def test_a_stylegan3_pickle_and_released_parts_become_a_film(own: HostProcess) -> None:
    from sgvg_core.media import probe_sound, read_video_frames

    graph: Graph = {**own_graph(), "film": to_video()}
    graph |= {"info": node("PreviewAny", source=["gan", 1]), "parts": node("PreviewAny", source=["model", 1])}
    answer = own.run(graph)
    assert info(answer).splitlines()[:3] == ["StyleGAN3-T, 16 x 16", "8 latents of 24 (num_ws 8)", f"{parameters():,} parameters"]
    assert "sound encoder: audio_inversion_.pth (released code), 16 latents of 24, fitted by layer to 8" in info(answer, "parts")
    assert "walker: coarseformer_.pth, midformer_.pth, fineformer_.pth (released code), 16 latents" in info(answer, "parts")
    assert info(answer, "parts").endswith("the released way: sound once on, beta 0.4, pull 0, 10 frames a second")
    path = files(own, answer, "film")[0]
    film = np.stack([frame.numpy() for frame in read_video_frames(path)]).astype(np.float32)
    assert film.shape == (10, 16, 16, 3)
    assert film.std() > 2
    assert np.abs(np.diff(film, axis=0)).mean() > 0.01
    assert probe_sound(path).num_channels == 2


def parameters() -> int:
    from own_files import stylegan3

    return sum(parameter.numel() for parameter in stylegan3().parameters())


def test_the_same_generator_from_a_pickle_and_from_our_file(own: HostProcess) -> None:
    shown = [frames(own, still(name)) for name in ("waves.pkl", "waves.safetensors")]
    np.testing.assert_array_equal(*shown)
    assert "file of this program" in info(own.run(still("waves.safetensors")))


def test_a_converted_stylegan2_draws_and_says_what_was_assumed(own: HostProcess) -> None:
    assert frames(own, still("converted.pt")).shape == (1, 32, 32, 3)
    said = info(own.run(still("converted.pt")))
    assert said.startswith("StyleGAN2, 32 x 32\n8 latents of 24 (num_ws 8)")
    assert "note: " in said
    assert frames(own, {**own_graph("converted.pt"), "frames": synthesis(), "save": save_images("frames")}).shape == (10, 32, 32, 3)


def test_a_pose_moves_the_image_frame_by_frame(own: HostProcess) -> None:
    graph: Graph = {**own_graph(), "frames": synthesis(), "save": save_images("frames")}
    plain = frames(own, graph)
    graph["ramp"] = node("SGVG_Ramp", start=0.0, end=0.5, num_frames=["walk", 2], curve="linear")
    graph["pose"] = node("SGVG_StyleGAN3Pose", x=["ramp", 0], y=0.0, rotate=0.0, zoom=1.0, anchor="none")
    graph["frames"] = synthesis(pose=["pose", 0])
    moved = np.abs(frames(own, graph) - plain).mean(axis=(1, 2, 3))
    assert moved[0] == 0
    assert moved[-1] > 1
    graph["pose"]["inputs"].update(x=0.0, rotate=30.0, zoom=1.5, anchor="exact")
    assert np.abs(frames(own, graph)[0] - plain[0]).mean() > 1, "one number holds for all frames"
    graph["frames"]["inputs"]["first_frame"] = 7
    assert len(frames(own, graph)) == 3
    sheet = {key: graph[key] for key in own_graph()}
    sheet["sheet"] = node("SGVG_WalkSheet", model=["model", 0], walk=["walk", 0], num_pictures=3, columns=3)
    still_sheet = frames(own, sheet, "sheet")
    sheet |= {"pose": graph["pose"], "sheet": node("SGVG_WalkSheet", **{**sheet["sheet"]["inputs"], "pose": ["pose", 0]})}
    assert np.abs(frames(own, sheet, "sheet") - still_sheet).mean() > 1
    other = own_graph("converted.pt") | {key: graph[key] for key in ("pose", "frames", "save")}
    assert "pose: got a StyleGAN2Generator, which can't be moved" in own.fail(other)


def test_files_as_large_as_the_released_ones_become_a_film(own: HostProcess) -> None:
    """A generator of 256 px whose latents are 512 wide, and the blocks of the released walker with 512 hidden numbers."""
    from sgvg_core.media import read_video_frames

    write_stylegan3_pickle(own.base / "models" / "stylegan" / "lhq.pkl", config=STYLEGAN3_256)
    walker = write_released_walker(own.base / "models" / "sgvg" / "wide")
    write_wide_sound_encoder(walker / "sound_encoder.safetensors")
    assert (walker / "coarseformer_.pth").stat().st_size > 50e6
    graph: Graph = own_graph("lhq.pkl", model={"sound_encoder": "wide/sound_encoder.safetensors", "walker": "wide/coarseformer_.pth"})
    graph["walk"]["inputs"].update(fps=3.0, pull=0.0)
    graph["pose"] = node("SGVG_StyleGAN3Pose", x=0.0, y=0.0, rotate=0.0, zoom=1.1, anchor="released")
    graph |= {"film": to_video(pose=["pose", 0]), "info": node("PreviewAny", source=["gan", 1]), "parts": node("PreviewAny", source=["model", 1])}
    answer = own.run(graph)
    assert info(answer).startswith("StyleGAN3-T, 256 x 256\n16 latents of 512 (num_ws 16)")
    assert "walker: coarseformer_.pth, midformer_.pth, fineformer_.pth (released code), 16 latents of 512" in info(answer, "parts")
    film = np.stack([frame.numpy() for frame in read_video_frames(files(own, answer, "film")[0])]).astype(np.float32)
    assert film.shape == (3, 256, 256, 3)
    assert film.std() > 2
    assert np.abs(np.diff(film, axis=0)).mean() > 0.01
    shutil.rmtree(walker)


def test_a_class_is_chosen_by_its_label(own: HostProcess) -> None:
    graph = still("classes.pkl")
    assert "3 classes: choose by class label, 0 to 2" in info(own.run(graph))
    drawn = own.run(graph)["outputs"]["start"]["sgvg_text"]
    assert drawn[0] in ("class 0", "class 1", "class 2")
    shown = {}
    for label in ("", drawn[0][-1], "0: 0.5, 1: 0.5"):
        graph["start"]["inputs"]["class_label"] = label
        shown[label] = frames(own, graph)
    np.testing.assert_array_equal(shown[""], shown[drawn[0][-1]])
    assert np.abs(shown[""] - shown["0: 0.5, 1: 0.5"]).mean() > 1
    graph["start"]["inputs"]["class_label"] = "7"
    assert "label: got 7, expected 0 to 2: this generator knows 3 classes" in own.fail(graph)
    plain = still("waves.pkl")
    plain["start"]["inputs"]["class_label"] = "7"
    assert own.run(plain)["outputs"]["start"]["sgvg_text"] == ["waves.pkl knows no classes: class label 7 has no say"]


def test_centres_are_found_stored_and_drawn_to(own: HostProcess) -> None:
    graph = still("classes.pkl")
    graph["found"] = node("SGVG_TruncationCentres", model=["gan", 0], num_centres=4, num_codes=600, seed=0)
    graph["keep"] = node("SGVG_SaveLatents", latents=["found", 0], filename_prefix="latents/centres", format="safetensors")
    graph["name"] = node("PreviewAny", source=["keep", 0])
    graph["start"]["inputs"].update(truncation_psi=0.2, centres=["found", 0])
    answer = own.run(graph)
    sheet = np.asarray(Image.open(files(own, answer, "found")[0]).convert("RGB"))
    assert sheet.shape == (16, 70, 3)
    assert answer["outputs"]["found"]["sgvg_text"] == [""]
    near = frames(own, graph)
    stored: Graph = {**graph, "file": node("SGVG_LoadLatents", model=["gan", 0], file=info(answer, "name"), item=0, fps=10.0)}
    del stored["found"], stored["keep"], stored["name"]
    stored["start"] = node("SGVG_StartLatent", **{**graph["start"]["inputs"], "centres": ["file", 3]})
    np.testing.assert_array_equal(frames(own, stored), near)
    free = still("classes.pkl")
    free["cut"] = node("SGVG_TruncateLatent", model=["gan", 0], start_latent=["start", 0], truncation_psi=0.2, num_layers=0, centres=["file", 3])
    free |= {"file": stored["file"], "save": save_images("cut", 1)}
    np.testing.assert_allclose(frames(own, free), near, atol=1)
    del free["cut"]["inputs"]["centres"]
    assert np.abs(frames(own, free) - near).mean() > 1, "the mean is another place"


@pytest.mark.parametrize("ending", ["safetensors", "npy", "npz"])
def test_a_walk_goes_into_a_file_and_comes_back(own: HostProcess, ending: str) -> None:
    graph: Graph = {**own_graph(), "frames": synthesis(), "save": save_images("frames")}
    graph["keep"] = node("SGVG_SaveLatents", latents=["walk", 0], filename_prefix=f"latents/walk_{ending}", format=ending)
    graph["name"] = node("PreviewAny", source=["keep", 0])
    answer = own.run(graph)
    name = info(answer, "name")
    assert name == f"latents/walk_{ending}_00001_.{ending} [output]"
    assert (own.base / "output" / name.removesuffix(" [output]")).stat().st_size > 10 * 8 * 24 * 4
    assert name in own.ask(schemas=True)["nodes"]["SGVG_LoadLatents"]["input"]["required"]["file"][1]["options"]
    again: Graph = {"gan": graph["gan"], "file": node("SGVG_LoadLatents", model=["gan", 0], file=name, item=4, fps=10.0)}
    again |= {"frames": synthesis(model=["gan", 0], walk=["file", 1]), "save": save_images("frames"), "count": node("PreviewAny", source=["file", 2])}
    np.testing.assert_array_equal(frames(own, again), frames(own, graph))
    assert info(own.run(again), "count") == "10"
    if ending == "npz":
        with np.load(own.base / "output" / name.removesuffix(" [output]")) as stored:
            assert stored["w"].shape == (10, 8, 24)


def test_a_stored_latent_starts_a_walk_and_a_stored_walk_a_silent_film(own: HostProcess) -> None:
    from sgvg_core.media import read_video_frames

    graph = {**own_graph(start={"truncation_psi": 1.0}), "keep": node("SGVG_SaveLatents", latents=["start", 0], filename_prefix="one", format="npy")}
    own.run(graph)
    ws = torch.randn(6, 1, 24, generator=torch.Generator().manual_seed(1)).numpy()
    np.save(own.base / "input" / "six.npy", ws.repeat(8, axis=1))
    for file, item in (("one_00001_.npy [output]", 0), ("six.npy", 5)):
        loaded = node("SGVG_LoadLatents", model=["gan", 0], file=file, item=item, fps=12.0)
        changed = {**own_graph(walk={"start_latent": ["file", 0]}), "file": loaded, "frames": synthesis(max_frames=2), "save": save_images("frames")}
        del changed["start"]
        frames(own, changed)
    film: Graph = {"gan": own_graph()["gan"], "file": loaded, "film": to_video(model=["gan", 0], walk=["file", 1])}
    path = files(own, own.run(film), "film")[0]
    assert len(list(read_video_frames(path))) == 6
    loaded["inputs"]["item"] = 6
    assert "item: got 6, but six.npy holds 6 latents" in own.fail(film)
    np.save(own.base / "input" / "wide.npy", np.ones((2, 14, 512), dtype=np.float32))
    loaded["inputs"]["file"] = "wide.npy"
    assert re.search(r"file: .*got latents of shape \[2, 14, 512\], expected \[T, 8, 24\]", own.fail(film))


@pytest.mark.parametrize("encoder", ["e4e.pt", "restyle.pt"])
def test_a_image_becomes_latents(own: HostProcess, encoder: str) -> None:
    graph: Graph = {**still("waves.pkl"), "encoder": node("SGVG_LoadImageEncoder", encoder_name=encoder, which="auto", model=["gan", 0])}
    graph["latent"] = node("SGVG_ImageToLatent", model=["gan", 0], encoder=["encoder", 0], image=["start", 1], passes=2, item=0, fps=10.0)
    graph |= {"frames": synthesis(model=["gan", 0], walk=["latent", 1]), "save": save_images("frames")}
    graph["said"] = node("PreviewAny", source=["encoder", 1])
    shown = frames(own, graph)
    inversion = {"model": ["gan", 0], "image": ["start", 1], "space": "w+", "num_steps": 1, "fit": "crop", "seed": 0}
    np.testing.assert_array_equal(shown, frames(own, graph, "latent"))
    assert "8 latents of 24" in info(own.run(graph), "said")
    graph["begun"] = node("SGVG_InvertPicture", **inversion, encoder=["encoder", 0])
    assert frames(own, {**graph, "save": save_images("begun", 1)}).shape == shown.shape
    graph["latent"]["inputs"]["item"] = 1
    assert "item: got 1, but image holds 1 latents" in own.fail(graph)


def test_encoder_and_generator_must_fit(own: HostProcess) -> None:
    graph: Graph = {**still("waves.pkl"), "encoder": node("SGVG_LoadImageEncoder", encoder_name="other.pt", which="auto")}
    graph["latent"] = node("SGVG_ImageToLatent", model=["gan", 0], encoder=["encoder", 0], image=["start", 1], passes=1, item=0, fps=10.0)
    inversion = {"model": ["gan", 0], "image": ["start", 1], "space": "w+", "num_steps": 1, "fit": "crop", "seed": 0}
    graph["begun"] = node("SGVG_InvertPicture", **inversion, encoder=["encoder", 0])
    for source, slot in (("latent", 2), ("begun", 1)):
        failed = own.fail({**graph, "save": save_images(source, slot)})
        assert "image encoder: other.pt answers 10 latents of 24, but waves.pkl takes 8 of 24" in failed


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan": {"generator_name": "gone.pkl"}}, r"generator(: there's no file 'gone.pkl' in models/stylegan, only |_name: 'gone.pkl' not in )"),
        ({"gan": {"generator_name": "quota.pkl"}}, r"generator: .*quota.pkl.*(HTML|web page)"),
        ({"model": {"sound_encoder": "released/midformer_.pth"}}, r"sound encoder: .*midformer_.pth: got one recurrent block"),
        ({"model": {"walker": "released/midformer_.pth"}}, r"walker: .*midformer_.pth: one recurrent block .* give all of coarse, mid and fine"),
        ({"model": {"mid_block": "(none)"}}, r"mid block: got none, but the other one is chosen"),
        ({"model": {"made_for": "StyleGAN4"}}, r"made.for: (got 'StyleGAN4', expected auto|'StyleGAN4' not in )"),
        ({"ears": {"model": ["gan", 0]}}, r"model: waves.pkl is a generator alone, which can't hear; put Load Sound Encoder and Walker"),
    ],
)
def test_errors_name_the_input(own: HostProcess, changes: dict[str, Any], message: str) -> None:
    """Newer ComfyUIs check choices themselves, and say "not in"."""
    assert re.search(message, own.fail({**own_graph(**changes), "film": to_video()}))


def test_another_content_is_noticed_and_the_same_is_kept(own: HostProcess) -> None:
    folder = own.base / "models" / "stylegan"
    write_stylegan3_pickle(folder / "changing.pkl", seed=1)
    graph = still("changing.pkl")
    first = frames(own, graph)
    shutil.copy(folder / "changing.pkl", folder / "copy.pkl")
    (folder / "copy.pkl").replace(folder / "changing.pkl")  # another time of change, the same content
    assert {"gan", "start"} <= set(own.run({**graph, "save": save_images("start", 1, prefix="kept")})["cached"])
    write_stylegan3_pickle(folder / "changing.pkl", seed=2)
    answer = own.run({**graph, "save": save_images("start", 1, prefix="changed")})
    assert not {"gan", "start"} & set(answer["cached"])
    assert np.abs(frames(own, {**graph, "save": save_images("start", 1, prefix="again")}) - first).mean() > 1


def test_further_folders_come_from_extra_model_paths(own: HostProcess) -> None:
    """`host_process` writes an extra_model_paths.yaml with both names."""
    write_own(own.base / "elsewhere" / "gans" / "far.safetensors")
    write_released(own.base / "elsewhere" / "sound" / "far")
    assert "far.safetensors" in own.ask(schemas=True)["nodes"]["SGVG_LoadStyleGAN"]["input"]["required"]["generator_name"][1]["options"]
    graph = own_graph("far.safetensors", model={"sound_encoder": "far/audio_inversion_.pth", "walker": "far/coarseformer_.pth"})
    frames(own, {**graph, "frames": synthesis(max_frames=2), "save": save_images("frames")})
