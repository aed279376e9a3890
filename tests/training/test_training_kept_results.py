"""Whatever is kept is kept for what it was made of alone: another seed, size or number, other code, and it's made anew."""

import dataclasses

import numpy as np
import pytest

from sgvg_core.augmentation import sounds as sound_changes
from sgvg_core.errors import ConfigError
from sgvg_core.presets import TINY
from sgvg_core.training.runs.timed import Run
from sgvg_core.training.world import generator, rendered_clips, sound_data, sound_pool
from sgvg_core.training.world.generator import render_images
from sgvg_core.training.world.rendered_clips import render_clips
from sgvg_core.training.world.sound_pool import make_recording_pool, make_sound_pool
from sgvg_core.world import probes
from sgvg_core.world.recordings import Recording

IMAGES = {"seed": 1, "num_scenes": 2, "frames_a_scene": 1, "size": 16, "workers": 1}
CLIPS = {"seed": 1, "num_clips": 2, "num_frames": 2, "rate": 12.0, "image_size": 16, "size": 8, "workers": 1}
SOUNDS = {"mel": TINY.mel, "rate": 12.0, "seed": 1, "num_clips": 2, "seconds": 0.5, "workers": 1}
NOISE = np.random.default_rng(0).standard_normal(12_000).astype(np.float32)


@pytest.fixture(autouse=True)
def few_a_job(monkeypatch):
    """Jobs of few scenes, so that rendering is quick."""
    monkeypatch.setattr(generator, "_SCENES_A_JOB", 2)
    monkeypatch.setattr(rendered_clips, "_CLIPS_A_JOB", 2)


def images(folder, **changed):
    kept = render_images(folder, **{**IMAGES, **changed})
    return np.asarray(kept.images), kept.codes.numpy()


def clips(folder, **changed):
    return (np.asarray(render_clips(folder / "clips.npy", **{**CLIPS, **changed}).clips),)


def sounds(folder, **changed):
    pool = make_sound_pool(folder, **{**SOUNDS, **changed})
    return np.asarray(pool.windows), pool.envelopes


def recordings(folder, taught=(NOISE,), kind="raining", **changed):
    asked = {"mel": TINY.mel, "rate": 12.0, "seconds": 0.5, "workers": 1, **changed}
    pool = make_recording_pool(folder, [Recording(kind, "a", folder / "a.wav", wave) for wave in taught], **asked)
    return np.asarray(pool.windows), pool.kinds


OTHERS = [
    (images, {"seed": 2}), (images, {"size": 32}), (images, {"num_scenes": 4}), (clips, {"seed": 2}), (clips, {"num_clips": 4}),
    (clips, {"rate": 6.0}), (clips, {"size": 16}), (clips, {"image_size": 32}), (sounds, {"seed": 2}), (sounds, {"num_clips": 3}),
    (sounds, {"seconds": 1.0}),
    (sounds, {"mel": dataclasses.replace(TINY.mel, edges="silence" if TINY.mel.edges == "mirror" else "mirror")}),
    (recordings, {"seed": 2}), (recordings, {"taught": (-NOISE[::-1],)}), (recordings, {"kind": "wind noise"}), (recordings, {"seconds": 1.0}),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("make", "other"), OTHERS, ids=[f"{make.__name__} {next(iter(other))}" for make, other in OTHERS])
def test_another_setting_gives_what_it_asks_for(tmp_path, make, other):
    first = make(tmp_path / "kept")
    again = make(tmp_path / "kept", **other)
    fresh = make(tmp_path / "fresh", **other)
    assert all(np.array_equal(a, b) for a, b in zip(again, fresh, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(again, first, strict=True))


@pytest.mark.parametrize("make", [images, clips, sounds, recordings])
def test_what_is_there_is_used(tmp_path, make, monkeypatch):
    first = make(tmp_path)
    for room in (generator, rendered_clips, sound_pool):
        monkeypatch.setattr(room, "results_in_order", None)  # nothing may be made
    assert all(np.array_equal(a, b) for a, b in zip(make(tmp_path), first, strict=True))


@pytest.mark.parametrize("make", [images, clips, sounds, recordings])
def test_what_was_not_finished_is_made_anew(tmp_path, make):
    first = make(tmp_path)
    (note,) = tmp_path.glob("*made_of.txt")
    note.unlink()
    for path in tmp_path.glob("*.np*"):
        path.unlink()  # the arrays above are still mapped
        path.write_bytes(b"half")
    assert all(np.array_equal(a, b) for a, b in zip(make(tmp_path), first, strict=True))


def test_another_world_draws_anew(tmp_path, monkeypatch):
    first = render_images(tmp_path, **IMAGES).made_of
    darker = probes.render
    monkeypatch.setattr(probes, "render", lambda *what: darker(*what) // 2)
    assert render_images(tmp_path, **IMAGES).made_of != first


@pytest.mark.slow
@pytest.mark.parametrize(("where", "constant", "other"), [(sound_changes, "SPEEDS", (-0.5, 0.5)), (sound_data, "STEADY_SHARE", 1.0)])
def test_other_numbers_in_the_code_sound_anew(tmp_path, monkeypatch, where, constant, other):
    first = make_sound_pool(tmp_path, **SOUNDS).made_of
    monkeypatch.setattr(where, constant, other)
    assert make_sound_pool(tmp_path, **SOUNDS).made_of != first


def test_a_run_does_not_go_on_with_other_data(tmp_path):
    def run(**made_of):
        return Run(tmp_path / "a.state", {}, config=[1], num_steps=2, made_of=made_of)

    first = run(sounds="x")
    with first.one_step():
        pass
    first.save()
    assert run(sounds="x").step == 1
    with pytest.raises(ConfigError, match=r"a\.state: was begun with other sounds; resume with those, or delete the file"):
        run(sounds="y")
