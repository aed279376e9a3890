"""The nodes of editing with a stand-in for ComfyUI: what goes in and comes out, what's refused, progress and cancel."""

import importlib
import importlib.metadata
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from node_pack import Pack
from stand_in import Interrupted


@pytest.fixture(autouse=True)
def _small(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few codes and steps where nothing is said of them."""
    monkeypatch.setattr(importlib.import_module("sgvg_pack.sgvg_core.editing.joint_map"), "NUM_CODES", 64)
    monkeypatch.setitem(importlib.import_module("sgvg_pack.sgvg_core.image_inversion.projection").STEPS, "w+", 8)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def node(pack: Pack) -> Any:
    """Runs a node of the pack; `node.model` is the tiny model, `node.start` a latent of it."""
    pack.host.cancel_at = None

    class Runner:
        host = pack.host
        model = pack.run("LoadModel", model_name="tiny")[0]
        part = staticmethod(pack.part)

        def __call__(self, name: str, **inputs: Any) -> Any:
            return pack.run(name, **inputs)

        def edits(self, number: int = 0, **inputs: Any) -> Any:
            """An edit along a direction that needs nothing but the generator."""
            led = pack.run("Direction", model=self.model, source="pca", number=number)[0]
            return pack.run("EditTarget", direction=[led], **{name: [value] for name, value in inputs.items()})[0]

        @property
        def start(self) -> Any:
            return pack.run("StartLatent", model=self.model, seed=1, truncation_psi=1.0)[0]

    return Runner()


class Video:
    """A VIDEO of a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_stream_source(self) -> str:
        return str(self.path)


@pytest.fixture
def video(node: Any) -> Video:
    """Eight frames at 25 a second, 48 x 32, with a sound."""
    from sgvg_core.media import SoundTrack, VideoWriter

    path = node.host.base / "input" / "clip.mp4"
    if not path.exists():
        across = torch.arange(48)[None, :, None].float()
        frames = [(across * 3 + 5 * index).expand(32, 48, 3) for index in range(8)]
        sound = SoundTrack.from_file(node.host.base / "input" / "swell.wav", 0, 0.32)
        with VideoWriter(path, fps=Fraction(25), width=48, height=32, sound=sound) as writer:
            writer.write(torch.stack(frames).to(torch.uint8))
    return Video(path)


@pytest.mark.slow
def test_a_target_is_words_sounds_and_pictures_with_weights(node: Any) -> None:
    sound = node("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.2)[0]
    inputs = {"text": "rain; fog: -0.5", "sound": sound, "sound_weight": 2.0, "image": torch.rand(1, 20, 30, 3), "strength": 0.7, "layers": "fine"}
    (edit,) = node("EditTarget", **{name: [value] for name, value in inputs.items()})[0]
    assert [(part.kind, part.weight) for part in edit.target.parts] == [("text", 1.0), ("text", -0.5), ("sound", 2.0), ("picture", 1.0)]
    assert (edit.strength, edit.layers, edit.curve, edit.region) == (0.7, ("fine",), None, None)
    more = node("EditTarget", text=["at night"], curve=["loudness"], mask=[torch.ones(1, 8, 8)], more_edits=[(edit,)])[0]
    assert [each.name for each in more][1] == "at night"
    assert (more[1].curve, tuple(more[1].region.shape)) == ("loudness", (1, 8, 8))
    assert node("EditTarget", text=["x"], curve_values=[0.0, 0.5, 1.0])[0][0].curve == (0.0, 0.5, 1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"text": ""}, "no words, sound, picture or direction"),
        ({"text": "x", "layers": "soft"}, "layers: .*soft"),
        ({"text": "x", "way": "magic"}, "way"),
        ({"text": "x", "mask": torch.ones(3)}, "mask: got"),
        ({"text": "x", "more_edits": "y"}, "edits: got str"),
        ({"text": "x", "curve": "0,nan"}, "curve"),
        ({"text": "x", "direction": 3}, "direction: got int"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(node: Any, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(Exception, match=words):
        node("EditTarget", **{name: [value] for name, value in inputs.items()})


def test_a_still_is_edited_and_strength_0_changes_nothing(node: Any) -> None:
    start = node.start
    edited = node("ApplyEdit", model=node.model, latents=start, edits=node.edits(strength=1.0))
    assert edited[0].shape == start.shape
    assert not torch.equal(edited[0], start)
    assert edited[1].num_frames == 1
    assert edited[2].shape == (1, 32, 32, 3)
    same = node("ApplyEdit", model=node.model, latents=start, edits=node.edits(strength=0.0))
    assert torch.equal(same[0], start)
    torch.testing.assert_close(same[2], node("StartLatent", model=node.model, seed=1, truncation_psi=1.0)[1], atol=1e-2, rtol=0)


@pytest.mark.slow
def test_a_still_lives_as_long_as_its_sound_and_the_film_has_it(node: Any) -> None:
    sound = node("LoadSound", audio="swell.wav", start_seconds=0.0, length_seconds=0.5)[0]
    walk = node("ApplyEdit", model=node.model, latents=node.start, edits=node.edits(curve="loudness", strength=2.0), audio=sound, fps=12.0)[1]
    assert (walk.num_frames, walk.fps) == (6, 12)
    ws = torch.cat(list(walk))
    assert (ws[-1] - node.start[0]).norm() > 1.2 * (ws[0] - node.start[0]).norm(), "the sound swells"
    from sgvg_core.media import read_sound

    film = node("SynthesisToVideo", model=node.model, walk=walk)[0]
    assert read_sound(film)[0].std() > 0.01
    sheet = node("WalkSheet", model=node.model, walk=walk, num_pictures=3, columns=3)[0]
    assert sheet.std() > 0.01


def test_a_mask_holds_the_edit_inside_in_pictures_frames_and_sheets(node: Any) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, :, :32] = 1
    edits = node.edits(strength=4.0, mask=mask)
    plain = node("Synthesis", model=node.model, walk=node.part("nodes.sockets").StoredWalk(node.start, Fraction(25)))[0]
    _, walk, picture = node("ApplyEdit", model=node.model, latents=node.start, edits=edits)
    for shown in (node("Synthesis", model=node.model, walk=walk)[0], node("WalkSheet", model=node.model, walk=walk, num_pictures=1)[0], picture):
        assert (shown - plain)[:, :, 16:].abs().max() < 1 / 255
        assert (shown - plain)[:, :, :14].abs().max() > 0.02
    with pytest.raises(Exception, match="mask: got 90 x 20"):
        node("ApplyEdit", model=node.model, latents=node.start, edits=node.edits(mask=torch.ones(1, 20, 90)))
    again = node("ApplyEdit", model=node.model, latents=walk, edits=node.edits(strength=2.0, mask=1 - mask))[1]
    both = node("Synthesis", model=node.model, walk=again)[0]
    assert (both - plain).abs()[:, :, :14].max() > 0.02, "a second edit leaves the first one's region"
    assert (both - plain).abs()[:, :, 18:].max() > 0.02


def test_a_walk_is_edited_as_it_streams_and_again(node: Any) -> None:
    walk = node.part("nodes.sockets").StoredWalk(torch.cat([node.start] * 5), Fraction(10))
    once = node("ApplyEdit", model=node.model, latents=walk, edits=node.edits(curve="0,1"))[1]
    twice = node("ApplyEdit", model=node.model, latents=once, edits=node.edits(number=1))[1]
    first, second = (torch.cat(list(each)) for each in (once, twice))
    assert first.shape == second.shape == (5, *node.start.shape[1:])
    assert torch.equal(first[0], node.start[0])
    assert ((second - first).std(0) < 1e-5).all(), "a constant edit adds the same everywhere"
    saved = node("SaveLatents", latents=twice, filename_prefix="latents/edited", format="safetensors")[0]
    assert node("LoadLatents", model=node.model, file=saved)[2] == 5


def test_what_belongs_to_another_generator_is_refused(node: Any) -> None:
    for latents in (torch.zeros(1, 3, 5), node.part("nodes.sockets").StoredWalk(torch.zeros(2, 3, 5), Fraction(25))):
        with pytest.raises(Exception, match="latents: "):
            node("ApplyEdit", model=node.model, latents=latents, edits=node.edits())
        with pytest.raises(Exception, match="style: "):
            node("StyleMix", model=[node.model], content=[node.start], style=[latents])


@pytest.mark.slow
def test_a_picture_of_any_shape_is_inverted_with_previews_and_cancel(node: Any) -> None:
    image = torch.rand(2, 40, 24, 3)
    node.host.updates.clear()
    found = node("InvertPicture", model=node.model, image=image, space="w", num_steps=5)
    assert found[0].shape == node.start.shape
    assert found[1].shape == (1, 32, 32, 3)
    assert any(preview is not None for *_, preview in node.host.updates)
    assert "dB after" in found.ui["sgvg_text"][0]
    node.host.checks, node.host.cancel_at = 0, 2
    with pytest.raises(Interrupted):
        node("InvertPicture", model=node.model, image=image, num_steps=5)


def test_weights_that_are_not_installed_are_named(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "files", lambda name: None)
    with pytest.raises(Exception, match="pip install --no-deps stlpips-pytorch"):
        node("InvertPicture", model=node.model, image=torch.rand(1, 32, 32, 3), num_steps=2, perceptual="st-lpips")


@pytest.mark.slow
def test_a_pictures_own_noise_and_tuning_are_drawn_by_the_model_that_comes_with_it(node: Any) -> None:
    image = torch.rand(1, 32, 32, 3)
    latent, picture, tuned = node("InvertPicture", model=node.model, image=image, space="w+noise", num_steps=3, tuning_steps=2).result
    still = node.part("nodes.sockets").StoredWalk(latent, Fraction(25))
    drawn = {name: node("Synthesis", model=model, walk=still)[0] for name, model in (("own", tuned), ("first", node.model))}
    torch.testing.assert_close(drawn["own"], picture, rtol=0, atol=1 / 255)
    assert (drawn["first"] - picture).abs().max() > 0.02
    folder = node.host.base / "input"
    noise = [torch.randn_like(conv.noise_const) for conv in node.model.generator.synthesis.convs]
    core = "sgvg_core.editing.sources", "sgvg_core.image_inversion.pivot_tuning"
    sources, tuning = (node.part(name) for name in core)
    sources.save_source(folder / "own.safetensors", latent, noise)
    name, weight = tuning.finest_weights(node.model.generator)[0]
    tuning.save_delta(folder / "delta.safetensors", {name: torch.full_like(weight, 0.3)})
    both = node("LoadLatents", model=node("LoadTunedWeights", model=node.model, file="delta.safetensors")[0], file="own.safetensors")[4]
    assert torch.equal(both.generator.synthesis.convs[0].noise_const, noise[0])
    difference = dict(both.generator.named_parameters())[name] - weight
    torch.testing.assert_close(difference, torch.full_like(weight, 0.3), rtol=0, atol=1e-3)
    with pytest.raises(Exception, match="file: "):
        node("LoadTunedWeights", model=node.model, file="own.safetensors")


def test_styles_are_mixed_by_layers_and_frames(node: Any) -> None:
    content, style = node.start, node("StartLatent", model=node.model, seed=2, truncation_psi=1.0)[0]
    latent, _, picture = node("StyleMix", model=[node.model], content=[content], style=[style]).result
    fine = node.model.model.walker.slices["fine"]
    assert torch.equal(latent[:, fine], style[:, fine])
    assert torch.equal(latent[:, : fine.start], content[:, : fine.start])
    assert picture.shape[1] == 32
    film = node.part("nodes.sockets").StoredWalk(torch.cat([style] * 4), Fraction(25))
    mixed = torch.cat(list(node("StyleMix", model=[node.model], content=[content], style=[film], fine=[0.0, 1.0])[1]))
    assert len(mixed) == 4
    assert torch.equal(mixed[0], content[0])
    assert torch.equal(mixed[3, fine], style[0, fine])


@pytest.mark.slow
def test_directions_are_found_saved_loaded_and_shown(node: Any) -> None:
    led = node("Direction", model=node.model, source="sefa", number=1, save_as="directions/light")[0]
    again = node("Direction", model=node.model, source="file", file="directions/light_00001_.safetensors [output]")[0]
    assert torch.equal(led.d, again.d)
    between = node("Direction", model=node.model, source="two latents", from_latent=node.start, to_latent=node.start + 1)[0]
    strip, pictures = node("DirectionStrip", model=node.model, start_latent=node.start, direction=between, num_pictures=5).result
    assert pictures.shape == (5, 32, 32, 3)
    assert strip.shape[2] > 5 * 32
    by_edits = node("DirectionStrip", model=node.model, start_latent=node.start, edits=node.edits(), lowest=0.0, highest=1.0, num_pictures=2)[1]
    assert (by_edits[1] - by_edits[0]).abs().max() > 0.01
    asked = node("EditTarget", text=["rain"])[0]
    towards = node("Direction", model=node.model, source="target", edits=asked)[0]
    assert towards.d.shape == led.d.shape
    assert towards.sigma > 0
    with pytest.raises(Exception, match="edits: got no target"):
        node("Direction", model=node.model, source="target", edits=node.edits())
    for inputs in ({}, {"direction": led, "edits": node.edits()}):
        with pytest.raises(Exception, match="connect a direction or edits"):
            node("DirectionStrip", model=node.model, start_latent=node.start, **inputs)
    with pytest.raises(Exception, match="from latent: got nothing"):
        node("Direction", model=node.model, source="two latents")


@pytest.mark.slow
def test_a_video_becomes_a_walk_with_its_sound(node: Any, video: Video) -> None:
    walk, start, audio, count = node("InvertVideo", model=node.model, video=video, warm_steps=1).result
    assert (walk.num_frames, walk.fps, count) == (8, 25, 8)
    assert start.shape == node.start.shape
    assert audio["waveform"].shape[-1] == pytest.approx(0.32 * 22_050, rel=0.15)
    assert walk.sound is not None
    cut = node("InvertVideo", model=node.model, video=video, warm_steps=0, start_seconds=0.08, length_seconds=0.08)[0]
    assert cut.num_frames == 2
    with pytest.raises(Exception, match="video: got int"):
        node("InvertVideo", model=node.model, video=3)


@pytest.mark.slow
def test_a_video_is_edited_into_a_file_and_a_cancel_leaves_none(node: Any, video: Video) -> None:
    from sgvg_core.media import read_sound, read_video_frames

    path, report = node("EditVideo", model=node.model, video=video, edits=node.edits(), warm_steps=1, side_by_side=True).result
    frames = torch.stack(list(read_video_frames(path)))
    assert frames.shape == (8, 32, 68, 3)
    assert read_sound(path)[0].std() > 1e-3
    assert report.startswith("8 frames")
    before = set((node.host.base / "temp").iterdir())
    node.host.checks, node.host.cancel_at = 0, 40
    with pytest.raises(Interrupted):
        node("EditVideo", model=node.model, video=video, edits=node.edits(), warm_steps=50)
    assert set((node.host.base / "temp").iterdir()) == before
    node.host.cancel_at = None
    with pytest.raises(Exception, match="no moving picture"):
        node("EditVideo", model=node.model, video=Video(node.host.base / "input" / "swell.wav"), edits=node.edits())
