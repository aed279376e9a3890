"""Every node in a real ComfyUI, by graphs as its page would send them: pictures that aren't constant, films with sound, clear errors."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from graphs import Graph, node, save_images, synthesis, to_video, walk_graph
from host_process import HostProcess
from PIL import Image

pytestmark = pytest.mark.host

NODES = {
    "SGVG_LoadModel", "SGVG_LoadSound", "SGVG_SoundInversionEncoder", "SGVG_Listen", "SGVG_StartLatent", "SGVG_TextConstraint",
    "SGVG_RecurrentWalker", "SGVG_WalkSheet", "SGVG_Synthesis", "SGVG_SynthesisToVideo", "SGVG_LoadStyleGAN", "SGVG_LoadSoundParts",
    "SGVG_LoadImageEncoder", "SGVG_ImageToLatent", "SGVG_LoadLatents", "SGVG_SaveLatents", "SGVG_StyleGAN3Pose", "SGVG_Ramp",
    "SGVG_TruncationCentres", "SGVG_TruncateLatent",
    "SGVG_BandsToLayers", "SGVG_StemDesk", "SGVG_WalkNumbers", "SGVG_Keyframes", "SGVG_SeamlessLoop", "SGVG_MotionMatte", "SGVG_PictureShape",
    "SGVG_LabelSound", "SGVG_FitSoundEncoder", "SGVG_SaveSoundEncoder",
    "SGVG_InvertPicture", "SGVG_InvertVideo", "SGVG_EditTarget", "SGVG_ApplyEdit", "SGVG_EditVideo", "SGVG_Direction", "SGVG_DirectionStrip",
    "SGVG_StyleMix", "SGVG_LoadTunedWeights",
    "SGVG_SoundCurves", "SGVG_PickCurve", "SGVG_CurveTools", "SGVG_CurvePlot", "SGVG_SaveCurves", "SGVG_LoadCurves", "SGVG_SyncScore",
    "SGVG_SoundToConditioning", "SGVG_SoundToCLIPVision", "SGVG_SoundSchedule",
}  # fmt: skip


def files(host: HostProcess, answer: dict[str, Any], name: str, key: str = "images") -> list[Path]:
    """The files that a node left."""
    return [host.base / item["type"] / item["subfolder"] / item["filename"] for item in answer["outputs"][name][key]]


def silence(host: HostProcess, seconds: float, rate: int, channels: int) -> dict[str, Any]:
    """A node of core's that gives silence."""
    import torch

    from sgvg_core.media import write_wav

    write_wav(host.base / "input" / f"silence_{rate}.wav", torch.zeros(channels, round(seconds * rate)), rate)
    return node("LoadAudio", audio=f"silence_{rate}.wav")


def image(path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(np.float32)
    assert pixels.std() > 2, f"{path.name} is all of one colour"
    return pixels


def test_all_nodes_are_there_with_words_for_everything(host: HostProcess, pack_root: Path) -> None:
    answer = host.ask(schemas=True)
    assert set(answer["nodes"]) == NODES
    for name, info in answer["nodes"].items():
        assert info["category"].startswith("SGVG/"), name
        assert info["description"].endswith("."), name
        assert info["display_name"], name
        inputs = {key: entry[1] for group in ("required", "optional") for key, entry in info["input"].get(group, {}).items()}
        for key, options in inputs.items():
            assert len(options.get("tooltip", "")) > 10, f"{name}.{key} has no tooltip"
            if "seed" in key:
                assert options["control_after_generate"], f"{name}.{key}"
        assert all(info["output_tooltips"]), name
        page = pack_root / "web" / "docs" / f"{name}.md"
        assert page.is_file(), f"{name} has no help page"
        text = page.read_text(encoding="utf-8")
        shown = [options.get("display_name", key) for key, options in inputs.items()] + info["output_name"]
        assert not [word for word in shown if f"**{word}**" not in text], f"{page.name} must name each input and output"


def test_models_are_folders_of_comfyui_and_the_bundled_one(host: HostProcess) -> None:
    options = host.ask(schemas=True)["nodes"]["SGVG_LoadModel"]["input"]["required"]["model_name"][1]["options"]
    assert options == ["landscapes (bundled)", "tiny"]


def test_frames_differ_from_one_another_and_repeat(host: HostProcess) -> None:
    graph = {**walk_graph(), "frames": synthesis(), "save": save_images("frames")}
    answer = host.run(graph)
    frames = np.stack([image(path) for path in files(host, answer, "save")])
    assert frames.shape == (12, 32, 32, 3)
    assert np.abs(np.diff(frames, axis=0)).mean() > 0.01, "the picture should move"
    assert image(files(host, answer, "start")[0]).shape == (32, 32, 3)
    again = host.run({**walk_graph(), "frames": synthesis(batch_size=5), "save": save_images("frames", prefix="again")})
    assert {"model", "sound", "ears", "walk"} <= set(again["cached"])
    np.testing.assert_allclose(np.stack([image(path) for path in files(host, again, "save")]), frames, atol=1)


def test_a_cut_of_the_frames_at_another_size(host: HostProcess) -> None:
    graph = {**walk_graph(), "frames": synthesis(first_frame=5, max_frames=3, size=48, noise="random", noise_seed=7), "save": save_images("frames")}
    paths = files(host, host.run(graph), "save")
    assert [image(path).shape for path in paths] == [(48, 48, 3)] * 3
    graph = {**walk_graph(), "frames": synthesis(first_frame=12), "save": save_images("frames")}
    assert "first_frame: got 12, but the walk has 12 frames" in host.fail(graph)


def test_a_video_has_moving_images_and_the_sound(host: HostProcess) -> None:
    from sgvg_core.media import probe_sound, read_sound

    film = to_video()
    save = node("SaveVideo", video=["film", 0], filename_prefix="film", format="auto", codec="auto")
    answer = host.run({**walk_graph(walk={"fps": 23.976}), "film": film, "save": save})
    shown, saved = files(host, answer, "film")[0], files(host, answer, "save")[0]
    assert answer["outputs"]["film"]["animated"] == [True]
    for path in (shown, saved):
        frames = video_frames(path)
        assert frames.shape == (24, 32, 32, 3)
        assert frames.std() > 2
        assert np.abs(np.diff(frames.astype(float), axis=0)).mean() > 0.01
        info = probe_sound(path)
        assert (info.num_channels, info.sample_rate) == (2, 44_100)
        assert str(info.fps) == "24000/1001"
        waveform, _ = read_sound(path)
        assert abs(waveform.shape[1] - 44_100) <= 44_100 * 0.06
        quarter = waveform.shape[1] // 4
        assert waveform[:, -quarter:].std() > 3 * waveform[:, :quarter].std(), "the sound swells"


def test_a_film_whose_file_is_gone_is_made_anew(host: HostProcess) -> None:
    """The cache keeps a film as the name of a temporary file: with Save Video behind it that's an error, if nobody looks."""
    save = node("SaveVideo", video=["film", 0], filename_prefix="again", format="auto", codec="auto")
    graph = {**walk_graph(start={"seed": 23}), "film": to_video(crf=31), "save": save}
    first = files(host, host.run(graph), "film")[0]
    graph["save"]["inputs"]["filename_prefix"] = "kept"
    kept = host.run(graph)
    assert "film" in kept["cached"]
    assert files(host, kept, "film") == [first]
    before = video_frames(first)
    first.unlink()
    graph["save"]["inputs"]["filename_prefix"] = "anew"
    anew = host.run(graph)
    assert "film" not in anew["cached"]
    assert "walk" in anew["cached"]
    np.testing.assert_array_equal(video_frames(files(host, anew, "film")[0]), before)
    np.testing.assert_array_equal(video_frames(files(host, anew, "save")[0]), before)
    assert "film" in host.run({**graph, "save": {**save, "inputs": {**save["inputs"], "filename_prefix": "once more"}}})["cached"]


def test_sounds_of_eight_channels_go_through_all_nodes(host: HostProcess) -> None:
    """7.1, which core's own nodes hand on as it is: heard as one, mixed for the film."""
    import torch

    from sgvg_core.media import write_wav

    noise = 0.1 * torch.randn(8, 24_000, generator=torch.Generator().manual_seed(5))
    write_wav(host.base / "input" / "eight.wav", noise, 48_000)
    listen = node("SGVG_Listen", model=["model", 0], audio=["sound", 0], labels="rain, fire")
    for source in (node("SGVG_LoadSound", audio="eight.wav", start_seconds=0.0, length_seconds=0.0), node("LoadAudio", audio="eight.wav")):
        answer = host.run({**walk_graph(), "sound": source, "film": to_video(), "listen": listen})
        assert len(video_frames(files(host, answer, "film")[0])) == 6


def test_a_video_keeps_its_graph(host: HostProcess) -> None:
    import av

    answer = host.run({**walk_graph(start={"seed": 11}), "film": to_video(crf=30)})
    with av.open(str(files(host, answer, "film")[0])) as container:
        assert '"seed": 11' in container.metadata["prompt"]


def test_another_sound_can_go_into_the_file(host: HostProcess) -> None:
    from sgvg_core.media import probe_sound

    graph = {**walk_graph(), "mix": silence(host, seconds=1.0, rate=48_000, channels=2), "film": to_video(sound_codec="flac")}
    plain = probe_sound(files(host, host.run(graph), "film")[0])
    graph["film"] = to_video(audio=["mix", 0], sound_codec="flac")
    mixed = probe_sound(files(host, host.run(graph), "film")[0])
    assert (plain.codec, mixed.codec) == ("flac", "flac")
    import torch

    from sgvg_core.media import read_sound

    assert torch.count_nonzero(read_sound(mixed.path)[0]) == 0


def test_words_choose_the_start_and_the_candidates_are_shown(host: HostProcess) -> None:
    text = node(
        "SGVG_TextConstraint", model=["model", 0], prompt="fire; night: 2", negative="water", seed=1, num_candidates=9, truncation_psi=1.0, keep=4
    )
    graph = {**walk_graph(walk={"start_latent": ["text", 0]}), "text": text, "save": save_images("text", 1)}
    graph["sheet"] = node("SGVG_WalkSheet", model=["model", 0], walk=["walk", 0], num_pictures=6, columns=3)
    answer = host.run(graph)
    assert image(files(host, answer, "save")[0]).shape == (144, 518, 3)
    assert image(files(host, answer, "sheet")[0]).shape == (66, 100, 3)
    with_sound = {**graph, "text": node("SGVG_TextConstraint", **{**text["inputs"], "prompt": "", "negative": "", "sound_embedding": ["ears", 1]})}
    assert image(files(host, host.run(with_sound), "save")[0]).shape == (144, 518, 3)
    assert answer["updates"][-1][:2] == [6, 6]
    assert any(size == [32, 32] for *_, size in answer["updates"]), "previews go to the page"


def test_the_sound_chooses_the_start(host: HostProcess) -> None:
    alone = host.run({**walk_graph(), "save": save_images("start", 1)})
    chosen = host.run({**walk_graph(start={"sound_embedding": ["ears", 1], "num_candidates": 20}), "save": save_images("start", 1)})
    first, second = (image(files(host, answer, "save")[0]) for answer in (alone, chosen))
    assert np.abs(first - second).mean() > 2, "of 20 latents another one than the first should be nearest"


def test_listening_gives_text_and_a_plot(host: HostProcess) -> None:
    graph = {key: value for key, value in walk_graph().items() if key in ("model", "sound")}
    graph["listen"] = node("SGVG_Listen", model=["model", 0], audio=["sound", 0], labels="rain, fire; wind")
    graph["text"] = node("PreviewAny", source=["listen", 0])
    answer = host.run(graph)
    text = answer["outputs"]["text"]["text"][0]
    assert {line.split(":")[0] for line in text.splitlines()[:3]} == {"rain", "fire", "wind"}
    assert re.search(r"0\.0-1\.0 s: ", text)
    assert image(files(host, answer, "listen")[0]).shape[2] == 3


def test_sounds_come_from_any_node(host: HostProcess) -> None:
    """Core's own loader (float tensors, no file), silence, and a batch."""
    for source in (node("LoadAudio", audio="swell.wav"), silence(host, seconds=0.5, rate=8_000, channels=1)):
        graph = {**walk_graph(), "sound": source, "film": to_video()}
        assert len(video_frames(files(host, host.run(graph), "film")[0])) in (6, 12)
    assert "batch" in host.fail({**walk_graph(ears={"batch_item": 3}), "sound": node("LoadAudio", audio="swell.wav"), "film": to_video()})


def test_our_sound_fits_core_nodes(host: HostProcess) -> None:
    from sgvg_core.media import probe_sound

    graph = {"sound": walk_graph(sound={"start_seconds": 0.25, "length_seconds": 0.5})["sound"]}
    graph["save"] = node("SaveAudio", audio=["sound", 0], filename_prefix="cut")
    info = probe_sound(files(host, host.run(graph), "save", "audio")[0])
    assert (info.num_channels, info.sample_rate, round(float(info.duration_seconds), 3)) == (2, 44_100, 0.5)


def test_a_cut_walks_over_the_cut_alone(host: HostProcess) -> None:
    graph = {**walk_graph(sound={"start_seconds": 0.25, "length_seconds": 0.5}), "film": to_video()}
    path = files(host, host.run(graph), "film")[0]
    assert len(video_frames(path)) == 6


def test_cancel_stops_at_once_and_leaves_nothing(host: HostProcess) -> None:
    before = set((host.base / "temp").iterdir())
    graph = {**walk_graph(walk={"fps": 240.0}), "film": to_video(batch_size=1, size=256)}
    answer = host.ask(prompt=graph, cancel_after=2, cancel_of=240)
    assert answer["interrupted"], answer
    done, total = answer["updates"][-1][:2]
    assert 0 < done < total == 240, "the other frames aren't painted"
    assert not [path for path in set((host.base / "temp").iterdir()) - before if path.suffix != ".png"]
    assert host.run({**walk_graph(), "film": to_video(crf=40)})["ok"], "the next run works"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"model_name": "gone"}}, r"model_name: (there's no model 'gone', only landscapes \(bundled\), tiny|'gone' not in )"),
        ({"sound": {"audio": "gone.wav"}}, r"there's no file 'gone.wav'"),
        ({"sound": {"audio": "broken.wav"}}, r"audio: .*broken.wav"),
        ({"sound": {"start_seconds": 5.0}}, r"start_seconds: got 5.0, but swell.wav is over after 1.00 s"),
    ],
)
def test_errors_name_the_input(host: HostProcess, changes: dict[str, Any], message: str) -> None:
    """Newer ComfyUIs check choices themselves, and say "not in"."""
    (host.base / "input" / "broken.wav").write_bytes(b"RIFF and nothing more")
    assert re.search(message, host.fail({**walk_graph(**changes), "film": to_video()}))


def test_wires_between_two_models_are_noticed(host: HostProcess, tmp_path: Path) -> None:
    import dataclasses

    from sgvg_core.assembly import build_model, save_model
    from sgvg_core.presets import TINY

    other = dataclasses.replace(
        TINY,
        generator=dataclasses.replace(TINY.generator, img_resolution=16, channels=(16, 16, 8)),
        sound_encoder=dataclasses.replace(TINY.sound_encoder, num_ws=6, bounds=(2, 4)),
        walker=dataclasses.replace(TINY.walker, num_ws=6, bounds=(2, 4)),
    )
    save_model(host.base / "models" / "sgvg" / "other", build_model(other, seed=2), other)
    graph: Graph = {**walk_graph(), "other": node("SGVG_LoadModel", model_name="other"), "film": to_video()}
    graph["start"]["inputs"]["model"] = ["other", 0]
    assert re.search(r"start latent: got shape \[1, 6, 24\], expected \[1, 8, 24\], that of tiny", host.fail(graph))
    graph["start"]["inputs"]["model"], graph["ears"]["inputs"]["model"] = ["model", 0], ["other", 0]
    assert re.search(r"sound latents: other hears 6 latents of 24, but tiny takes 8 of 24", host.fail(graph))


def video_frames(path: Path) -> np.ndarray:
    from sgvg_core.media import read_video_frames

    return np.stack([frame.numpy() for frame in read_video_frames(path)])
