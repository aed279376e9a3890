"""From a sound file to a video file: what's in it, that it repeats, and that nothing is left when it's stopped."""

import copy
import dataclasses
import re
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from sgvg_core.assembly import SoundModel
from sgvg_core.errors import ConfigError, MediaError
from sgvg_core.generation import GenerateSettings, Sound, analyse_sound, classify_sound, generate, heard_walk, label_curves
from sgvg_core.generation.render import synthesize, to_uint8
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.media import probe_sound, read_video_frames, write_wav


@pytest.fixture
def rain(tmp_path: Path) -> Path:
    """1.3 s of stereo noise that swells."""
    noise = torch.randn(2, int(1.3 * 44_100), generator=torch.Generator().manual_seed(0))
    path = tmp_path / "rain.wav"
    write_wav(path, 0.1 * noise * torch.linspace(0.1, 1, noise.shape[1]), 44_100)
    return path


@pytest.mark.slow
def test_a_sound_becomes_a_video_with_that_sound(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    seen: list[tuple[float, float | None, str]] = []

    def watch(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        seen.append((done, total, note))

    video = generate(rain, tmp_path / "film.mp4", model=tiny_model, fps=30, seed=3, progress=watch)
    assert video.num_frames == 39
    info = probe_sound(video.path)
    assert info.fps == 30
    assert info.num_channels == 2
    assert abs(info.duration_seconds - 1.3) < 0.02
    frames = torch.stack(list(read_video_frames(video.path)))
    assert frames.shape == (39, 32, 32, 3)
    assert frames.float().std(0).mean() > 1e-3, "the picture should move"
    assert seen[-1][:2] == (39, 39)
    assert {note for _, _, note in seen} >= {"listening", "frames"}
    assert video.sheet.shape[-1] == 3


@pytest.mark.slow
def test_the_same_settings_give_the_same_bytes(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        generate(rain, tmp_path / f"{name}.mp4", model=tiny_model, seed=seed, start_from="random")
    a, b, c = ((tmp_path / f"{name}.mp4").read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_frames_dont_depend_on_the_batch(tiny_model: SoundModel) -> None:
    ws = random_start(tiny_model.generator, 1, num_codes=5)
    one, five = (
        torch.cat(list(synthesize(tiny_model.generator, [ws], batch=batch, noise_mode="random", seed=4))) for batch in (1, 5)
    )
    torch.testing.assert_close(one, five, atol=1e-3, rtol=0)
    assert to_uint8(one).shape == (5, 32, 32, 3)


@pytest.mark.slow
def test_a_part_of_a_sound_at_another_size_as_images(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    video = generate(Sound.from_file(rain, 0.5, 0.4), tmp_path / "frames", model=tiny_model, fps=Fraction(10), size=48)
    images = sorted((tmp_path / "frames").glob("*.png"))
    assert len(images) == video.num_frames == 4


@pytest.mark.slow
def test_cancelling_leaves_nothing(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    def cancel(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        if note == "frames" and done > 8:
            raise KeyboardInterrupt

    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        generate(rain, folder / "film.mp4", model=tiny_model, progress=cancel)
    assert list(folder.iterdir()) == []


def test_a_prompt_needs_a_joint_space_and_settings_have_ranges(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    without = dataclasses.replace(tiny_model, joint_space=None)
    with pytest.raises(ConfigError, match="no joint space"):
        generate(rain, tmp_path / "film.mp4", model=without)
    with pytest.raises(ConfigError, match="size: got 5, expected 16 to 4096"):
        GenerateSettings(size=5)
    with pytest.raises(MediaError, match="start -1"):
        Sound.from_file(rain, -1)


def test_listening_names_every_label_over_time(tiny_model: SoundModel, rain: Path) -> None:
    analysed = classify_sound(tiny_model, Sound.from_file(rain), ("rain", "a cat"))
    assert {label.text for label in analysed.labels} == {"rain", "a cat"}
    assert abs(sum(label.probability for label in analysed.labels) - 1) < 1e-3
    assert (analysed.segments[0].start, analysed.segments[-1].end) == (0.0, 1.3)
    assert analysed.to_dict()["segments"][0]["labels"][0]["probability"] >= 0.5


def test_a_model_without_words_asks_for_some(tiny_model: SoundModel, rain: Path) -> None:
    for question in (classify_sound, label_curves):
        with pytest.raises(ConfigError, match=r"labels: .* has no scenes of its own; give some words"):
            question(tiny_model, Sound.from_file(rain))


def doubting(model: SoundModel, sure_from: float) -> SoundModel:
    """The model with a joint space that names three scenes, and only those of at least this probability."""
    space = copy.copy(model.joint_space)
    space.labels, space.temperature, space.sure_from = ("rain", "wind", "fire"), 2.0, sure_from
    return dataclasses.replace(model, joint_space=space)


@pytest.mark.slow
def test_a_sound_that_is_no_scene_is_not_sure(tiny_model: SoundModel, rain: Path) -> None:
    sound = Sound.from_file(rain)
    doubtful, sure = (classify_sound(doubting(tiny_model, sure_from), sound) for sure_from in (1.0, 0.05))
    assert not doubtful.sure
    assert not any(segment.sure for segment in doubtful.segments)
    assert sure.sure
    assert sure.labels == doubtful.labels
    assert classify_sound(doubting(tiny_model, 1.0), sound, ("rain", "a cat")).sure, "words of somebody's own are only compared"


def test_a_temperature_evens_out_probabilities(tiny_model: SoundModel, rain: Path) -> None:
    model = doubting(tiny_model, 0.0)
    warm = classify_sound(model, Sound.from_file(rain)).labels[0].probability
    model.joint_space.temperature = 0.5
    assert classify_sound(model, Sound.from_file(rain)).labels[0].probability > warm


@pytest.mark.slow
def test_a_walk_whose_sound_is_no_scene_is_that_of_silence(tiny_model: SoundModel, rain: Path, tmp_path: Path) -> None:
    silence = tmp_path / "silence.wav"
    write_wav(silence, torch.zeros(2, int(1.3 * 44_100)), 44_100)
    films = {
        "stays": generate(rain, tmp_path / "stays", model=doubting(tiny_model, 1.0), start_from="random"),
        "follows": generate(rain, tmp_path / "follows", model=doubting(tiny_model, 1.0), start_from="random", unsure="follow"),
        "sure": generate(rain, tmp_path / "sure", model=doubting(tiny_model, 0.05), start_from="random"),
        "silent": generate(silence, tmp_path / "silent", model=doubting(tiny_model, 0.05), start_from="random"),
    }
    assert {name: film.report["not_sure"] for name, film in films.items()} == {"stays": True, "follows": False, "sure": False, "silent": False}
    assert torch.equal(films["stays"].sheet, films["silent"].sheet)
    assert torch.equal(films["follows"].sheet, films["sure"].sheet)
    assert not torch.equal(films["stays"].sheet, films["sure"].sheet)


def test_every_walk_of_a_sound_is_made_in_the_one_place_that_asks_what_the_sound_is() -> None:
    root = Path(__file__).resolve().parents[2]
    files = [*(root / "sgvg_core").rglob("*.py"), *(root / "nodes").rglob("*.py")]
    makers = {path.stem for path in files if re.search(r"(?<![\w.])Walk\(", path.read_text(encoding="utf-8"))}
    assert makers == {"walks_of_sounds"}


def test_an_encoder_of_other_sounds_is_never_doubted(tiny_model: SoundModel, rain: Path) -> None:
    model = doubting(tiny_model, 1.0)
    analysed, start = analyse_sound(Sound.from_file(rain), model.mel), random_start(model.generator, 0)
    fitted = dataclasses.replace(model, doubts=False)
    stays = {name: heard_walk(one, analysed, start, Fraction(12)).stays for name, one in (("model", model), ("fitted", fitted))}
    assert stays == {"model": True, "fitted": False}
    with pytest.raises(ConfigError, match="unsure: got 'halt', expected stay, follow"):
        heard_walk(model, analysed, start, Fraction(12), unsure="halt")


def test_listening_goes_by_all_windows_evidence(tiny_model: SoundModel, rain: Path) -> None:
    labels = classify_sound(doubting(tiny_model, 0.0), Sound.from_file(rain)).labels
    scores = torch.tensor([label.score for label in labels])
    expected = (scores * float(tiny_model.joint_space.logit_scale) / 2.0).softmax(0)
    torch.testing.assert_close(torch.tensor([label.probability for label in labels]), expected, atol=2e-3, rtol=0)
