"""Films through keyframes, and films that go round."""

import dataclasses
import itertools
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sgvg_core.assembly import SoundModel, save_latents
from sgvg_core.errors import ConfigError
from sgvg_core.generation import GenerateSettings, RenderSettings, Sound, frames, generate, random_start, walk_of_sound
from sgvg_core.generation.keyframe_plan import KeyframePlan, plan_of, read_keyframes
from sgvg_core.generation.loop_settings import LoopSettings
from sgvg_core.generation.side_by_side import light_layer, panorama_walks
from sgvg_core.image_inversion import projection
from sgvg_core.media import probe_sound
from sgvg_core.walker import WalkSettings

FPS = Fraction(12)
RATE = 22_050
STILL = WalkSettings(coarse=0, mid=0, fine=0)


def clicks(seconds: float, bpm: float = 120.0) -> Sound:
    """Drums: a click a beat, the first of four loud and low, over soft noise."""
    time = torch.arange(int(0.1 * RATE)) / RATE
    waveform = 0.01 * torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(0))
    for beat in range(int(seconds * bpm / 60)):
        first, accent = int(beat * 60 / bpm * RATE), beat % 4 == 0
        knock = torch.sin(2 * torch.pi * (80 if accent else 900) * time) * torch.exp(-40 * time) * (1.0 if accent else 0.4)
        waveform[first : first + len(knock)] += knock[: len(waveform) - first]
    return Sound.from_waveform(waveform[None].repeat(2, 1).clamp(-1, 1), RATE)


@pytest.fixture(scope="module")
def drums() -> Sound:
    return clicks(6.0)


def settings(**more: object) -> GenerateSettings:
    return GenerateSettings(**{"fps": FPS, "seed": 5, "start_from": "random", "unsure": "follow", "num_candidates": 6, **more})


@pytest.mark.slow
def test_still_blocks_show_the_keyframes_themselves(tiny_model: SoundModel, drums: Sound, tmp_path: Path) -> None:
    generator = tiny_model.generator
    save_latents(tmp_path / "two.npz", random_start(generator, 8, num_codes=2))
    keys = [{"at": 0, "seed": 7}, {"at": "2 beats", "latents": "two.npz", "item": 1}, {"at": "4 beats", "seed": 3}]
    (tmp_path / "keys.json").write_text(json.dumps({"keyframes": keys}))
    plan = read_keyframes(tmp_path / "keys.json")
    assert plan.needs_beats
    assert plan.files == (tmp_path / "two.npz",)
    ws = torch.cat(list(walk_of_sound(tiny_model, drums, settings(walk=STILL, keyframes=plan))))
    one, two, three = random_start(generator, 7)[0], random_start(generator, 8, num_codes=2)[1], random_start(generator, 3)[0]
    torch.testing.assert_close(ws[[0, 12, 24, 40]], torch.stack([one, two, three, three]), atol=0.05, rtol=0)
    torch.testing.assert_close(ws[6], (one + two) / 2, atol=0.08, rtol=0)


@pytest.mark.slow
def test_the_sound_moves_the_walk_from_where_the_keyframes_are(tiny_model: SoundModel) -> None:
    drums = clicks(1.0)

    def walked(**more: object) -> torch.Tensor:
        return torch.cat(list(walk_of_sound(tiny_model, drums, settings(**more))))

    held = KeyframePlan(({"at": 0, "seed": 5},))
    torch.testing.assert_close(walked(keyframes=held), walked(), atol=1e-4, rtol=0)
    jump = KeyframePlan(({"at": 0, "seed": 5, "ease": "hold"}, {"at": 0.5, "seed": 6}))
    still, moved = walked(keyframes=jump, walk=STILL), walked(keyframes=jump)
    assert [bool((after != before).any()) for before, after in itertools.pairwise(still)] == [k == 5 for k in range(11)]
    added = (moved - still).flatten(1).norm(dim=1)
    assert added.min() > 1e-3
    assert added.diff().abs().max() < 0.5 * (still[6] - still[5]).norm(), "the cut is the keyframes', what the sound adds goes on"


def test_words_and_labels_choose_among_candidates(tiny_model: SoundModel) -> None:
    generator = tiny_model.generator
    plan = KeyframePlan(({"at": 0, "prompt": "a storm"}, {"at": 0.5, "label": "rain"}))
    ws = torch.cat(list(walk_of_sound(tiny_model, clicks(0.6), settings(walk=STILL, keyframes=plan))))[[0, 6]]
    candidates = random_start(generator, 5, num_codes=6)
    assert all(any(torch.allclose(each, candidate, atol=1e-5) for candidate in candidates) for each in ws)


@pytest.mark.slow
def test_a_keyframe_shows_the_picture_of_its_file(tiny_model: SoundModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(projection.STEPS, "w+", 30)  # a third of what it takes by default
    generator = tiny_model.generator
    wanted = next(frames(generator, [random_start(generator, 77)]))
    Image.fromarray(wanted[0].numpy()).save(tmp_path / "mine.png")
    plan = KeyframePlan(({"at": 0, "seed": 3}, {"at": 0.25, "picture": "mine.png"}), folder=tmp_path)
    ws = torch.cat(list(walk_of_sound(tiny_model, clicks(0.5), settings(walk=STILL, keyframes=plan))))[[3]]
    others = next(frames(generator, [random_start(generator, 5, num_codes=48)], RenderSettings(batch=48)))
    off = [float((shown.float() - wanted.float()).square().mean()) for shown in (next(frames(generator, [ws])), *others[:, None])]
    assert off[0] < 0.5 * min(off[1:])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ([], "got list, expected keyframes"),
        ({"keys": []}, "got keys, expected keyframes"),
        ({"keyframes": []}, "got 0, expected 1 to 1000"),
        ({"keyframes": [{"seed": 1}]}, 'keyframe 1: got .*, expected an object with "at"'),
        ({"keyframes": [{"at": 0}]}, "keyframe 1: got none of them, expected one of seed, latents"),
        ({"keyframes": [{"at": 0, "seed": 1, "prompt": "x"}]}, "keyframe 1: got seed and prompt, expected one of"),
        ({"keyframes": [{"at": 0, "seed": 1, "colour": 2}]}, "keyframe 1: got colour"),
        ({"keyframes": [{"at": 0, "seed": "1"}]}, "keyframe 1: seed: got '1', expected a whole number"),
        ({"keyframes": [{"at": "soon", "seed": 1}]}, "at: got"),
        ({"keyframes": [{"at": 0, "seed": 1, "ease": "jump"}]}, "keyframe 1: ease: got 'jump'"),
        ({"keyframes": [{"at": 0, "seed": 1}], "interpolation": "bezier"}, "interpolation: got 'bezier'"),
        ({"keyframes": [{"at": 0, "seed": 1}], "snap": "minute"}, "snap: got 'minute'"),
    ],
)
def test_keyframes_that_say_nothing_are_refused(data: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        plan_of(data, Path(), "keys.json")


def test_keyframe_files_and_moments_are_checked(tiny_model: SoundModel, drums: Sound, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match=r"bad.json: isn't JSON"):
        read_keyframes(tmp_path / "bad.json")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"deep.json: isn't JSON"):
        read_keyframes(tmp_path / "deep.json")
    twice = KeyframePlan(({"at": 0.9, "seed": 1}, {"at": 1.1, "seed": 2}), snap="beat")
    with pytest.raises(ConfigError, match=r"keyframe 2: at .* there's another one after both were moved to the grid"):
        walk_of_sound(tiny_model, drums, settings(keyframes=twice))
    silence = Sound.from_waveform(torch.zeros(1, RATE), RATE)
    with pytest.raises(ConfigError, match="keyframe 1: at: got '1 bar', but no beats were found"):
        walk_of_sound(tiny_model, silence, settings(keyframes=KeyframePlan(({"at": "1 bar", "seed": 1},))))


@pytest.mark.slow
def test_a_loop_closes_in_latents_and_in_pixels(tiny_model: SoundModel, drums: Sound, tmp_path: Path) -> None:
    plan = KeyframePlan(({"at": 0, "seed": 5}, {"at": "2 beats", "seed": 6}), "cubic")
    curves = {"coarse": "0.5+bass", "fine": "1+onset", "psi": "1-0.3*loudness"}
    video = generate(drums, tmp_path / "loop", model=tiny_model, settings=settings(
        loop=LoopSettings(bars=2, crossfade=0.1), keyframes=plan, curves=curves))
    assert video.report["loop"] == {"bars": 2, "frames": 48, "start": pytest.approx(0, abs=0.02)}
    frames = torch.stack([torch.from_numpy(np.array(Image.open(path))) for path in sorted((tmp_path / "loop").glob("*.png"))]).float()
    steps = (frames.roll(-1, 0) - frames).abs().mean((1, 2, 3))
    assert len(frames) == 48
    assert steps[-1] <= steps[:-1].max()
    assert steps.max() > 0.1


@pytest.mark.slow
def test_the_loop_of_a_film_has_a_sound_as_long_as_its_frames(tiny_model: SoundModel, drums: Sound, tmp_path: Path) -> None:
    loop = LoopSettings(seconds=1.52, crossfade=0.2)
    video = generate(drums, tmp_path / "loop.mkv", model=tiny_model, settings=settings(loop=loop), sound_codec="flac")
    assert video.num_frames == 18
    assert probe_sound(video.path).duration_seconds == pytest.approx(1.5, abs=0.01)
    for wrong, said in (({}, "got 0 bars and 0 seconds, expected one of the two"), ({"bars": 2, "seconds": 1}, "expected one of the two")):
        with pytest.raises(ConfigError, match=said):
            LoopSettings(**wrong)
    with pytest.raises(ConfigError, match=r"loop: 64 bars from .* would fit"):
        generate(drums, tmp_path / "long.mp4", model=tiny_model, settings=settings(loop=LoopSettings(bars=64)))
    silence = Sound.from_waveform(torch.zeros(1, 4 * RATE), RATE)
    with pytest.raises(ConfigError, match="loop: no beats were found in the sound; give seconds"):
        generate(silence, tmp_path / "none.mp4", model=tiny_model, settings=settings(loop=LoopSettings(bars=1)))
    assert not (tmp_path / "none.mp4").exists()


def test_curves_of_the_sound_drive_numbers_by_their_names(tiny_model: SoundModel, drums: Sound) -> None:
    walk = walk_of_sound(tiny_model, drums, settings(curves={"mid": "bass*1.5", "pull": "1-onset", "psi": [0.5]}))
    assert set(walk.numbers) == {"mid", "pull", "psi"}
    assert (len(walk.numbers["mid"]), walk.numbers["mid"].rate) == (72, FPS)
    loud = walk.numbers["mid"].values.reshape(-1, 6)  # frames of each beat
    assert loud[::4].amax(1).min() > 2 * loud[1::4].amax(1).max(), "the low drum is on the first beat of each bar"
    with pytest.raises(ConfigError, match=r"character 5, at 'bas': no curve 'bas' \(did you mean bass\?\)|no curve 'bas'"):
        walk_of_sound(tiny_model, drums, settings(curves={"mid": "1 + bas"}))


@pytest.mark.slow
def test_a_panorama_is_made_of_the_starts_of_the_next_seeds(tiny_model: SoundModel, drums: Sound, tmp_path: Path) -> None:
    side = tiny_model.generator.img_size[1]
    own = settings(shape=(side, 2 * side - side // 4), enlargement="panorama")
    walk = panorama_walks(tiny_model, own, walk_of_sound(tiny_model, drums, own))
    ws = torch.cat(list(walk))
    assert ws.shape[:2] == (walk.num_frames, 2)
    first, second = (torch.cat(list(walk_of_sound(tiny_model, drums, settings(seed=seed)))) for seed in (5, 6))
    light = light_layer(tiny_model.generator.num_ws)
    assert torch.equal(ws[:, 0], first)
    assert torch.equal(ws[:, 1, :light], second[:, :light])
    assert torch.equal(ws[:, 1, light:], first[:, light:]), "one light over both"
    apart = torch.cat(list(dataclasses.replace(walk, light_from=None)))  # type: ignore[type-var]
    assert torch.equal(apart, torch.stack([first, second], 1))
    made = generate(clicks(0.5), tmp_path / "wide.mp4", model=tiny_model, settings=own)
    assert made.report["size"] == 2 * side - side // 4
    with pytest.raises(ConfigError, match="the mean start would be the same in all"):
        panorama_walks(tiny_model, settings(shape=(side, 2 * side), enlargement="panorama", start_from="mean"), walk_of_sound(tiny_model, drums, own))
