"""What the nodes do beyond the core, with a stand-in for ComfyUI: numbers, checks, progress, cancel, pictures."""

import dataclasses
import itertools
import json
import re
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from node_pack import Pack
from stand_in import Interrupted


@pytest.mark.slow
def test_a_list_on_a_strength_is_a_number_a_frame_and_on_fps_it_is_named(pack: Pack) -> None:
    model, walk = pack.walk()
    analysed = pack.part("nodes.sockets").SoundLatents(walk.analysed, walk.encoder, "tiny")
    inputs = {"model": model, "sound_latents": analysed, "start_latent": walk.start_ws, "fps": 12.0}
    listed: dict[str, Any] = {"coarse": [0.0, 0.5, 1.0], "mid": torch.linspace(0, 1, 4), "fine": np.arange(3.0), "beta": [[0.1, 0.2]]}
    for name, value in {**listed, "pull": (1, 2)}.items():
        numbers = pack.run("RecurrentWalker", **{**inputs, name: value})[0].numbers
        assert list(numbers) == [name]
        first = float(np.asarray(value, dtype=float).reshape(-1)[0])
        assert float(numbers[name].values[0]) == pytest.approx(first)
    with pytest.raises(Exception, match=r"^fps: got a list of 2 numbers, .* expected one number for the whole film"):
        pack.run("RecurrentWalker", **{**inputs, "fps": [24, 25]})
    for name in (*listed, "pull", "fps"):
        for wrong in ("x", {}, None, True):
            with pytest.raises(Exception, match=f"^{name}: got {type(wrong).__name__}, expected"):
                pack.run("RecurrentWalker", **{**inputs, name: wrong})


@pytest.mark.slow
def test_a_walk_stays_where_the_sound_is_no_scene(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    model, sure = pack.walk()
    assert not sure.stays  # the model's joint space never doubts
    space = model.model.joint_space
    monkeypatch.setattr(space, "labels", ("rain", "wind", "fire"))
    monkeypatch.setattr(space, "sure_from", 1.0)
    found = {unsure: pack.walk(**({} if unsure is None else {"unsure": unsure}))[1] for unsure in (None, "stay", "follow")}
    assert {unsure: walk.stays for unsure, walk in found.items()} == {None: True, "stay": True, "follow": False}
    torch.testing.assert_close(torch.cat(list(found["follow"])), torch.cat(list(sure)))
    assert not torch.allclose(torch.cat(list(found["stay"])), torch.cat(list(sure)))
    with pytest.raises(Exception, match="unsure: got 'halt'"):
        pack.walk(unsure="halt")


@pytest.mark.slow
def test_a_list_of_one_and_the_same_number_is_that_number(pack: Pack) -> None:
    plain = pack.walk(coarse=0.5, fps=12.0)[1]
    listed = pack.walk(coarse=[0.5] * 6, mid=np.float32(1), fps=torch.tensor([12.0]))[1]
    assert listed.fps == plain.fps
    torch.testing.assert_close(torch.cat(list(listed)), torch.cat(list(plain)))
    model = pack.run("LoadModel", model_name="tiny")[0]
    with pytest.raises(Exception, match=r"^truncation psi: got a list of 2 numbers"):
        pack.run("StartLatent", model=model, seed=1, truncation_psi=[0.1, 0.2])


@pytest.mark.slow
def test_a_chain_of_nodes_makes_frames_and_a_film(pack: Pack) -> None:
    from sgvg_core.media import probe_sound

    model, walk = pack.walk()
    images = pack.run("Synthesis", model=model, walk=walk, first_frame=1, max_frames=4, noise="random")[0]
    assert images.shape == (4, 32, 32, 3)
    assert 0 <= images.min() <= images.max() <= 1
    assert images.std() > 0.01
    whole = pack.run("Synthesis", model=model, walk=walk, noise="random")[0]
    torch.testing.assert_close(images, whole[1:5], atol=1e-4, rtol=0)
    film = pack.run("SynthesisToVideo", model=model, walk=walk)
    info = probe_sound(film[0])
    assert (info.fps, info.num_channels) == (12, 2)
    assert film.ui == {"images": [{"filename": film[0].name, "subfolder": "", "type": "temp"}]}


@pytest.mark.slow
def test_a_nodes_fingerprint_changes_when_a_file_it_made_is_gone(pack: Pack) -> None:
    model, walk = pack.walk()
    node, given = pack.nodes["SGVG_SynthesisToVideo"], {"size": 0, "crf": 40}
    defaults = {"noise": "const", "noise_seed": 0, "batch_size": 4, "dtype": "auto", "sound_codec": "auto"}
    film = pack.run("SynthesisToVideo", model=model, walk=walk, **given)[0]
    before = node.fingerprint_inputs(**defaults, **given)
    other = node.fingerprint_inputs(**defaults, size=0, crf=41)
    film.unlink()
    assert node.fingerprint_inputs(**defaults, **given) != before
    assert node.fingerprint_inputs(**defaults, size=0, crf=41) == other
    saved = pack.run("SaveLatents", latents=walk.start_ws, filename_prefix="lost", format="npy")[0]
    settings = {"filename_prefix": "lost", "format": "npy"}
    before = pack.nodes["SGVG_SaveLatents"].fingerprint_inputs(**settings)
    (pack.host.base / "output" / saved.removesuffix(" [output]")).unlink()
    assert pack.nodes["SGVG_SaveLatents"].fingerprint_inputs(**settings) != before


@pytest.mark.slow
def test_cancel_during_a_film_paints_no_further_frame_and_leaves_no_file(pack: Pack) -> None:
    model, walk = pack.walk(fps=60.0)
    before = sorted((pack.host.base / "temp").iterdir())
    painted: list[int] = []
    hook = model.generator.synthesis.register_forward_hook(lambda module, inputs, images: painted.append(len(images)))
    pack.host.cancel_at = pack.host.checks + 3
    try:
        with pytest.raises(Interrupted):
            pack.run("SynthesisToVideo", model=model, walk=walk, batch_size=1)
    finally:
        pack.host.cancel_at = None
        hook.remove()
    assert walk.num_frames == 30
    assert len(painted) <= 3, "one between two checks"
    assert sorted((pack.host.base / "temp").iterdir()) == before


@pytest.mark.slow
def test_progress_is_shown_sparingly_but_cancel_is_checked_always(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    host, ticks = pack.part("nodes.host"), itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) / 1000)  # a millisecond between two calls
    progress = host.HostProgress()
    pack.host.updates.clear()
    checks, image = pack.host.checks, torch.zeros(4, 4, 3, dtype=torch.uint8)
    for done in range(1000):
        progress(done, 1000, "frames", image)
    progress(7, None, "listening")
    progress(1000, 1000, "frames", image)
    assert pack.host.checks == checks + 1002
    assert 10 <= len(pack.host.updates) <= 11
    assert 3 <= sum(preview is not None for *_, preview in pack.host.updates) <= 5
    assert pack.host.updates[-1][:2] == (1000, 1000)
    assert pack.host.updates[-1][2][0] == "JPEG"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("RecurrentWalker", {"model": None}, "model: got nothing; connect the output of Load SGVG Model"),
        ("RecurrentWalker", {"sound_latents": torch.zeros(1)}, "sound latents: got Tensor; connect the output of Sound Inversion Encoder"),
        ("RecurrentWalker", {"start_latent": torch.zeros(1, 2, 3)}, r"start latent: got shape \[1, 2, 3\], expected \[1, 8, 24\]"),
        ("RecurrentWalker", {"fps": 0.0}, "fps: "),
        ("RecurrentWalker", {"beta": 2.0}, "beta"),
        ("Synthesis", {"walk": None}, "walk: got nothing; connect the output of Recurrent Walker"),
        ("Synthesis", {"noise": "pink"}, "noise: got 'pink'"),
        ("Synthesis", {"dtype": "int8"}, "dtype: got 'int8'"),
        ("Synthesis", {"first_frame": 6}, "first_frame: got 6, but the walk has 6 frames"),
        ("SynthesisToVideo", {"sound_codec": "mp9"}, "sound_codec: got 'mp9'"),
    ],
)
def test_errors_name_the_input(pack: Pack, name: str, wrong: dict[str, Any], message: str) -> None:
    model, walk = pack.walk()
    if name == "RecurrentWalker":
        ears = pack.run("SoundInversionEncoder", model=model, audio={"waveform": torch.rand(1, 1, 4000), "sample_rate": 8000})
        inputs = {"model": model, "sound_latents": ears[0], "start_latent": walk.start_ws, "fps": 25.0}
    else:
        inputs = {"model": model, "walk": walk}
    with pytest.raises(Exception, match=message):
        pack.run(name, **{**inputs, **wrong})


def test_a_choice_needs_something_to_choose_by(pack: Pack) -> None:
    model = pack.run("LoadModel", model_name="tiny")[0]
    words = {"prompt": "", "negative": "", "seed": 0, "num_candidates": 2, "truncation_psi": 1.0}
    with pytest.raises(Exception, match="prompt: got no words"):
        pack.run("TextConstraint", model=model, **words)
    with pytest.raises(Exception, match="sound embedding: got 3 numbers"):
        pack.run("TextConstraint", model=model, **words, sound_embedding=torch.zeros(1, 3))
    pack.host.texts.clear()
    pack.run("TextConstraint", model=model, **{**words, "prompt": "xylophone"})
    assert pack.host.texts == ["never learned, so they had no say: xylophone"]
    with pytest.raises(Exception, match="labels: tiny has no scenes of its own"):
        pack.run("Listen", model=model, audio={"waveform": torch.rand(1, 1, 4000), "sample_rate": 8000})


def conditional(pack: Pack, kind: str) -> Any:
    """A small generator of three classes, of the shape of the tiny model's, as a wire carries it."""
    torch.manual_seed(0)
    synthesis, host = pack.part("sgvg_core.synthesis"), pack.part("nodes.host")
    if kind == "StyleGAN3":
        made = synthesis.StyleGAN3Generator(16, (8, 8, 8, 6, 6, 6), z_dim=8, c_dim=3, w_dim=24, mapping_lr_multiplier=1.0)
    else:
        made = synthesis.StyleGAN2Generator(32, (8, 8, 8, 8), z_dim=8, c_dim=3, w_dim=24, mapping_layers=2, mapping_lr_multiplier=1.0)
    made.w_avg.normal_()
    tiny = pack.run("LoadModel", model_name="tiny")[0]
    made = made.eval().requires_grad_(False)
    return host.HostModel(kind, kind, made, host.HostModule(made), "", dataclasses.replace(tiny.model, generator=made), tiny.judging)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["StyleGAN2", "StyleGAN3"])
def test_a_class_label_is_taken_drawn_or_refused(pack: Pack, kind: str) -> None:
    model = conditional(pack, kind)
    start = pack.part("sgvg_core.generation.seeded_start").random_start
    given = {"model": model, "seed": 5, "truncation_psi": 1.0}
    one = pack.run("StartLatent", **given, class_label="2")
    torch.testing.assert_close(one[0], start(model.generator, 5, label=2))
    mixed = pack.run("StartLatent", **given, class_label="0: 3; 1")
    torch.testing.assert_close(mixed[0], start(model.generator, 5, label={0: 3.0, 1: 1.0}))
    drawn = pack.run("StartLatent", **given)
    said = drawn.ui["sgvg_text"][0]
    assert re.fullmatch("class [012]", said)
    torch.testing.assert_close(drawn[0], start(model.generator, 5, label=int(said[-1])))
    for wrong, message in (("3", "label: got 3, expected 0 to 2: this generator knows 3 classes"), ("cat", "label: got 'cat', expected the number")):
        with pytest.raises(Exception, match=message):
            pack.run("StartLatent", **given, class_label=wrong)
    words = {**given, "prompt": "rain", "negative": "", "num_candidates": 6}
    chosen = pack.run("TextConstraint", **words, class_label="1")[0]
    assert any(torch.allclose(chosen, start(model.generator, 5, first=item, label=1), atol=1e-5) for item in range(6))
    by_sound = pack.run("StartLatent", **given, num_candidates=6, sound_embedding=torch.ones(1, model.model.joint_space.embed_dim))
    assert re.fullmatch("class [012]", by_sound.ui["sgvg_text"][0])


def test_a_generator_without_classes_goes_its_way_and_says_so(pack: Pack) -> None:
    model = pack.run("LoadModel", model_name="tiny")[0]
    plain = pack.run("StartLatent", model=model, seed=1, truncation_psi=1.0)
    assert plain.ui["sgvg_text"] == [""]
    labelled = pack.run("StartLatent", model=model, seed=1, truncation_psi=1.0, class_label="3")
    assert torch.equal(plain[0], labelled[0])
    assert labelled.ui["sgvg_text"] == ["tiny knows no classes: class label 3 has no say"]
    centres = pack.run("TruncationCentres", model=model, num_centres=2, num_codes=50, seed=0, class_label="3")
    assert centres.ui["sgvg_text"] == labelled.ui["sgvg_text"]


@pytest.mark.slow
def test_centres_are_found_shown_and_drawn_to(pack: Pack) -> None:
    model = pack.run("LoadModel", model_name="tiny")[0]
    centres, sheet = pack.run("TruncationCentres", model=model, num_centres=3, num_codes=200, seed=1).result
    assert centres.shape == (3, 8, 24)
    assert sheet.shape == (1, 32, 100, 3)
    start = pack.run("StartLatent", model=model, seed=4, truncation_psi=0.0, centres=centres)[0]
    assert any(torch.equal(start[0], centre) for centre in centres)
    text = pack.run("TextConstraint", model=model, prompt="rain", negative="", seed=4, num_candidates=3, truncation_psi=0.0, centres=centres)[0]
    assert any(torch.equal(text[0], centre) for centre in centres)
    free = pack.run("StartLatent", model=model, seed=4, truncation_psi=1.0)[0]
    half = pack.run("TruncateLatent", model=model, start_latent=free, truncation_psi=0.5, centres=centres)[0]
    torch.testing.assert_close(half, start.lerp(free, 0.5))
    mean = pack.run("TruncateLatent", model=model, start_latent=free, truncation_psi=0.0, num_layers=3)[0]
    torch.testing.assert_close(mean[0, :3], model.generator.w_avg.expand(3, 24))
    assert torch.equal(mean[:, 3:], free[:, 3:])
    saved = pack.run("SaveLatents", latents=centres)[0]
    assert torch.equal(pack.run("LoadLatents", model=model, file=saved)[3], centres)
    seeded = {"seed": 0, "truncation_psi": 0.5}
    for name, wrong, message in (
        ("StartLatent", {**seeded, "centres": torch.zeros(2, 4, 24)}, r"centres: got shape \[2, 4, 24\], expected \[K, L=8, D=24\]"),
        ("StartLatent", {**seeded, "centres": 3}, "centres: got int; connect the output of Truncation Centres"),
        ("TruncateLatent", {"start_latent": torch.zeros(1, 4, 24)}, r"start latent: got shape \[1, 4, 24\], but tiny takes 8 latents of 24"),
        ("TruncationCentres", {"num_centres": 9, "num_codes": 4, "seed": 0}, "number of codes: got 4"),
    ):
        with pytest.raises(Exception, match=message):
            pack.run(name, model=model, **wrong)


def test_finding_centres_can_be_cancelled(pack: Pack) -> None:
    model = pack.run("LoadModel", model_name="tiny")[0]
    pack.host.cancel_at = pack.host.checks + 2
    try:
        with pytest.raises(Interrupted):
            pack.run("TruncationCentres", model=model, num_centres=3, num_codes=5000, seed=1)
    finally:
        pack.host.cancel_at = None


@pytest.mark.slow
def test_a_contact_sheet_shows_the_pose(pack: Pack) -> None:
    model = conditional(pack, "StyleGAN3")
    ws = pack.run("StartLatent", model=model, seed=5, truncation_psi=1.0)[0].expand(9, -1, -1)
    walk = pack.part("nodes.sockets").StoredWalk(ws, Fraction(10))
    pose = pack.run("StyleGAN3Pose", x=[0.1 * k for k in range(9)])[0]
    sheet = pack.run("WalkSheet", model=model, walk=walk, num_pictures=3, columns=1, pose=pose)[0][0]
    frames = pack.run("Synthesis", model=model, walk=walk, pose=pose)[0]
    shown = torch.stack([sheet[top : top + 16] for top in range(0, len(sheet), 18)])
    torch.testing.assert_close(shown, frames[[0, 4, 8]], atol=1 / 255, rtol=0)
    assert (shown[0] - shown[2]).abs().mean() > 1e-3
    with pytest.raises(Exception, match="pose: got str; connect the output of StyleGAN3 Pose"):
        pack.run("WalkSheet", model=model, walk=walk, pose="x")


def test_small_tools(pack: Pack) -> None:
    adapters = pack.part("nodes.adapters")
    assert adapters.read_labels(" rain,fire; wind\nrain ,, ") == ("rain", "fire", "wind")
    batches = [torch.arange(0, 4), torch.arange(4, 6), torch.arange(6, 10)]
    assert torch.cat(list(adapters.cut(iter(batches), 3, 4))).tolist() == [3, 4, 5, 6]
    taken: list[int] = []
    list(adapters.cut((taken.append(0) or batch for batch in batches), 0, 5))
    assert len(taken) == 2, "what comes after the cut isn't computed"


def test_a_pose_takes_numbers_and_lists_of_them(pack: Pack) -> None:
    ramp = pack.run("Ramp", start=0.0, end=2.0, num_frames=5, curve="there and back")[0]
    assert ramp == pytest.approx([0, 1, 2, 1, 0])
    assert pack.run("Ramp", start=1.0, end=3.0, num_frames=3, curve="linear")[0] == [1, 2, 3]
    assert pack.run("Ramp", start=4.0, end=9.0, num_frames=1, curve="smooth")[0] == [4]
    track = pack.part("nodes.pose").track_of
    assert track([0.5], "x") == 0.5
    assert track([1, 2.5], "x") == track([[1, 2.5]], "x") == track([torch.tensor([1, 2.5])], "x") == [1, 2.5]
    pose = pack.run("StyleGAN3Pose", x=ramp, zoom=[2.0], anchor=["exact"])[0]
    assert (pose.transforms.shape, pose.anchor) == ((5, 3, 3), "exact")
    still = pack.run("StyleGAN3Pose")[0]
    assert torch.equal(still.transforms, torch.eye(3)[None])
    for wrong, message in (
        ({"x": ["a"]}, "x: got str, expected a number"),
        ({"zoom": [[]]}, "zoom: got an empty list"),
        ({"zoom": [0.0]}, "zoom: got 0"),
        ({"x": [1, 2], "y": [1, 2, 3]}, r"(x|y): got shape"),
        ({"anchor": ["middle"]}, "anchor: got 'middle'"),
    ):
        with pytest.raises(Exception, match=message):
            pack.run("StyleGAN3Pose", **wrong)


@pytest.mark.slow
def test_images_of_any_shape_and_number_of_channels(pack: Pack) -> None:
    """A grey generator of 32 x 16 pictures: frames and films are in colour and keep their shape."""
    from sgvg_core.media import probe_sound, read_video_frames

    torch.manual_seed(0)
    build = pack.part("sgvg_core.synthesis").StyleGAN2Generator
    grey = build(32, (8, 8, 8, 8), z_dim=4, w_dim=24, img_channels=1, mapping_layers=1, const_size=(2, 4)).eval().requires_grad_(False)
    host, model = pack.part("nodes.host"), pack.walk()[1]
    handle = host.HostGenerator("grey", "key", grey, host.HostModule(grey), "")
    assert pack.run("Synthesis", model=handle, walk=model, max_frames=2)[0].shape == (2, 16, 32, 3)
    images = pack.run("Synthesis", model=handle, walk=model, max_frames=2, size=64)[0]
    assert images.shape == (2, 32, 64, 3)
    assert torch.equal(images[..., 0], images[..., 2])
    film = pack.run("SynthesisToVideo", model=handle, walk=model)[0]
    assert next(iter(read_video_frames(film))).shape == (16, 32, 3)
    assert probe_sound(film).num_channels == 2
    assert pack.run("StartLatent", model=handle, seed=1, truncation_psi=1.0)[1].shape == (1, 16, 32, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "inputs", "message"),
    [
        ("Listen", {"audio": None}, "model: tiny alone is a generator alone, which can't hear"),
        ("Synthesis", {"walk": 3}, "walk: got int; connect the output of Recurrent Walker"),
        ("SaveLatents", {"latents": None}, "latents: got nothing; connect a start latent"),
        ("SaveLatents", {"latents": torch.zeros(1, 8, 24), "filename_prefix": "../../x"}, "filename_prefix: got '../../x'"),
        ("SaveLatents", {"latents": torch.zeros(1, 8, 24), "format": "pt"}, "format: got 'pt'"),
        ("ImageToLatent", {"encoder": None, "image": None}, "image encoder: got nothing; connect the output of Load Image Encoder"),
        ("LoadLatents", {"file": "gone.npy"}, "file: there's no file 'gone.npy'"),
        ("LoadStyleGAN", {"generator_name": "gone.pkl"}, "generator: there's no file 'gone.pkl' in models/stylegan, nor any other; put"),
        ("LoadSoundParts", {"sound_encoder": "a", "walker": "b"}, "sound encoder: there's no file 'a' in models/sgvg, only tiny/"),
    ],
)
def test_what_is_wrong_is_named_by_its_wire(pack: Pack, name: str, inputs: dict[str, Any], message: str) -> None:
    host, core = pack.part("nodes.host"), pack.run("LoadModel", model_name="tiny")[0]
    alone = host.HostGenerator("tiny alone", "key", core.generator, core.drawing, "")
    given = {"model": alone} if name in ("Listen", "Synthesis", "ImageToLatent", "LoadLatents", "LoadSoundParts") else {}
    with pytest.raises(Exception, match=re.escape(message)):
        pack.run(name, **given, **inputs)


def test_a_walk_of_another_generator_is_noticed(pack: Pack) -> None:
    sockets = pack.part("nodes.sockets")
    model = pack.run("LoadModel", model_name="tiny")[0]
    with pytest.raises(Exception, match="walk: its latents are 6 of 24, but tiny takes 8 of 24; use one model for both nodes"):
        pack.run("Synthesis", model=model, walk=sockets.StoredWalk(torch.zeros(2, 6, 24), Fraction(10)))


def test_images_become_images(pack: Pack) -> None:
    take = pack.part("nodes.adapters").frames_from_images
    assert take(torch.zeros(2, 4, 5, 3), "image").shape == (2, 3, 4, 5)
    assert torch.equal(take(torch.ones(1, 4, 5, 1), "image"), torch.ones(1, 3, 4, 5))
    assert take(torch.zeros(1, 4, 5, 4), "image").min() == -1
    for wrong in (None, torch.zeros(3, 4), torch.zeros(0, 4, 4, 3), torch.full((1, 2, 2, 3), float("nan"))):
        with pytest.raises(Exception, match=r"image: (got|holds)"):
            take(wrong, "image")


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
def test_generators_of_one_and_four_channels_paint_what_images_are(pack: Pack, channels: int) -> None:
    """From the start that a prompt chooses to frames, a sheet and a video."""
    from sgvg_core.assembly import build_model, save_model
    from sgvg_core.presets import TINY

    config = dataclasses.replace(TINY, generator=dataclasses.replace(TINY.generator, img_channels=channels))
    save_model(pack.host.base / "models" / "sgvg" / f"of_{channels}", build_model(config, seed=1), config)
    model = pack.run("LoadModel", model_name=f"of_{channels}")[0]
    assert pack.run("TextConstraint", model=model, prompt="rain", negative="", truncation_psi=1.0, num_candidates=4, seed=0)[0].shape[0] == 1
    sound = pack.run("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.5)[0]
    ears = pack.run("SoundInversionEncoder", model=model, audio=sound)
    start = pack.run("StartLatent", model=model, seed=1, truncation_psi=1.0)
    walk = pack.run("RecurrentWalker", model=model, sound_latents=ears[0], start_latent=start[0], fps=12.0)[0]
    images = pack.run("Synthesis", model=model, walk=walk)[0]
    assert images.shape == (6, 32, 32, 3)
    assert bool(torch.equal(images[..., 0], images[..., 2])) == (channels == 1)
    assert pack.run("WalkSheet", model=model, walk=walk, num_pictures=3)[0].shape[-1] == 3
    assert pack.run("SynthesisToVideo", model=model, walk=walk)[0] is not None


FIRST_WORKFLOWS = json.loads(Path(__file__).with_name("first_workflows.json").read_text(encoding="utf-8"))
"""The workflows as the first version of the pack had them: of each node its class and inputs."""


@pytest.mark.parametrize("name", FIRST_WORKFLOWS)
def test_the_first_workflows_still_open(pack: Pack, name: str) -> None:
    for node in FIRST_WORKFLOWS[name].values():
        if node["class_type"] not in pack.nodes:
            assert not node["class_type"].startswith("SGVG_")
            continue
        slots = {slot.id: slot for slot in pack.nodes[node["class_type"]].define_schema().inputs}
        assert set(node["inputs"]) <= set(slots), node["class_type"]
        missing = set(slots) - set(node["inputs"])
        assert all(slots[each].options.get("optional") or "default" in slots[each].options for each in missing), (node["class_type"], missing)
        values = [each for each, value in node["inputs"].items() if not isinstance(value, list)]
        widgets = [each for each in slots if each in node["inputs"] and each in values]
        assert widgets == values, "pages keep the values of widgets by their order"
