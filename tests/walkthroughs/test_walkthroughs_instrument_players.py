"""The drawn instrument players: seeded, light and hands follow the sound, and `data prepare` reads them; the chain's commands fit the doors."""

import dataclasses
import importlib.util
import itertools
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sgvg_core.cli.main import build_parser
from sgvg_core.datasets import PrepareOptions, prepare

WALKTHROUGHS = Path(__file__).resolve().parents[2] / "walkthroughs"
NAMES = ("violin", "drums", "piano", "trumpet", "flute")


def walkthrough(name: str) -> ModuleType:
    """A file of the walkthroughs, which are no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, WALKTHROUGHS / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


players = walkthrough("instrument_players")


def level_of(sound: np.ndarray, num_frames: int) -> np.ndarray:
    """The loudness of the sound around each frame, without the walkthrough's own measure."""
    samples = len(sound) // num_frames
    return np.sqrt(np.square(sound[: samples * num_frames].reshape(num_frames, samples)).mean(1))


def test_the_same_seed_gives_the_same_clip_and_another_another() -> None:
    frames, sound = players.make_clip("violin", 3, seconds=2, size=32)
    again, heard = players.make_clip("violin", 3, seconds=2, size=32)
    assert frames.shape == (24, 32, 32, 3)
    assert len(sound) == 2 * players.RATE
    assert (frames == again).all()
    assert (sound == heard).all()
    for other in (players.make_clip("violin", 4, seconds=2, size=32), players.make_clip("violin", 3, seconds=2, size=32, seed=2)):
        assert np.abs(other[1] - sound).max() > 0.1
        assert np.abs(other[0].astype(int) - frames).max() > 30


@pytest.mark.parametrize("name", NAMES)
def test_the_light_follows_the_loudness(name: str) -> None:
    frames, sound = players.make_clip(name, 1, size=32)
    light, level = frames.mean((1, 2, 3)), level_of(sound, len(frames))
    assert np.abs(sound).max() <= 1
    assert np.corrcoef(light, np.sqrt(level))[0, 1] > 0.75
    assert level.min() < 0.05 * level.max(), "no rest"
    assert light.min() < 0.7 * light.max()


@pytest.mark.parametrize("name", NAMES)
def test_the_player_moves_with_the_notes(name: str) -> None:
    """In the same light a note's beginning looks different from its middle, or a high note from a low one."""
    instrument = players.INSTRUMENTS[name]
    person = players.Person(*players.PEOPLE[0], instrument.dresses[0])
    struck = players.Moment(0.6, 0.0, -1.0, 0.0, 9.0, True)
    later = dataclasses.replace(struck, height=1.0, stroke=1.0, since=0.5, light=0.6 if name != "trumpet" else 1.0)
    one, other = (players.paint(instrument, person, now, 64).astype(int) for now in (struck, later))
    assert (np.abs(one - other).max(2) > 40).mean() > 0.01


@pytest.mark.parametrize("name", ["violin", "piano", "trumpet", "flute"])
def test_a_note_sounds_at_its_pitch(name: str) -> None:
    voice = players.INSTRUMENTS[name].voice
    sound = voice(players.Note(0.0, 1.0, 440.0, 0.8, 0.5), np.random.default_rng(0))[: players.RATE]
    loud = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    near = loud[430:451].max()
    assert near > 20 * np.median(loud)
    assert near > 5 * loud[300:400].max()


def test_instruments_differ_in_timbre() -> None:
    """The share of energy above three times the pitch: a flute has hardly any, a violin and a loud trumpet have much."""
    shares = {}
    for name in ("violin", "trumpet", "flute"):
        sound = players.INSTRUMENTS[name].voice(players.Note(0.0, 1.0, 440.0, 1.0, 0.5), np.random.default_rng(0))[: players.RATE]
        power = np.abs(np.fft.rfft(sound)) ** 2
        shares[name] = power[1400:].sum() / power.sum()
    assert shares["flute"] < 0.05 < shares["violin"] < shares["trumpet"]


@pytest.mark.slow
def test_players_can_be_told_apart_at_32_px() -> None:
    """Mean pictures of two clips of one instrument are nearer to each other than to any other instrument's."""
    seen = {name: [players.make_clip(name, index, seconds=1.5, size=32)[0].mean(0) for index in (0, 1)] for name in NAMES}
    for one, other in itertools.permutations(NAMES, 2):
        own = np.square(seen[one][0] - seen[one][1]).mean()
        assert own < min(np.square(seen[one][0] - image).mean() for image in seen[other])


@pytest.mark.slow
def test_data_prepare_reads_them(tmp_path: Path) -> None:
    players.write_clips(tmp_path / "clips", 2, seconds=1.0, size=32)
    options = PrepareOptions(size=32, fps="12", sample_rate=players.RATE, seconds=1.0, test_share=0.5)
    data = prepare(tmp_path / "clips", tmp_path / "data", options)
    assert sorted(data.labels) == sorted(NAMES)
    assert len(data.clips("train")) == len(data.clips("test")) == 5
    clip = next(clip for clip in data.clips() if clip.label == "drums" and clip.source.endswith("drums_001"))
    frames, sound = players.make_clip("drums", 1, seconds=1.0, size=32)
    assert np.abs(data.frames(clip).permute(0, 2, 3, 1).numpy() * 127.5 + 127.5 - frames).mean() < 8  # 4:2:0 smears colours
    assert np.corrcoef(data.waveform(clip)[0].numpy(), sound)[0, 1] > 0.95


def test_the_chain_is_made_of_commands_that_exist(tmp_path: Path) -> None:
    chain = walkthrough("second_domain").chain(tmp_path, 45.0, 1)
    parser = build_parser()
    ours = [command for command in chain if command.words[:2] == ("-m", "sgvg_core")]
    named = [parser.parse_args(command.words[2:]).command for command in ours]
    assert named == ["data", "data", "train", "train", "train", "train", *["generate"] * 15, "evaluate", "evaluate", "train"]
    assert all((WALKTHROUGHS.parent / command.words[0]).exists() for command in chain if command not in ours)
    assert set(walkthrough("second_domain").INSTRUMENTS) == set(players.INSTRUMENTS)
