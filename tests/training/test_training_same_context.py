"""What E_a hears in training is what it hears when a film is made: the same texture, out of the same seconds around."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_sound_encoder
from sgvg_core.config import CriticConfig
from sgvg_core.generation import Sound, Walk, analyse_sound
from sgvg_core.generation.trajectory import count_steps
from sgvg_core.presets import TINY, TINY_WORLD
from sgvg_core.sound_inversion import SoundInversionEncoder, encode_clips, encode_stream
from sgvg_core.training.clips import sgvg as clip_sgvg
from sgvg_core.training.clips import windows as clip_windows
from sgvg_core.training.clips.samples import Sampled, sample_film
from sgvg_core.training.clips.sgvg_config import CLIP_SGVG_PRESETS
from sgvg_core.training.clips.sgvg_step import ClipSgvgTraining
from sgvg_core.training.clips.walks import WalkReader
from sgvg_core.training.clips.windows import ClipWindows
from sgvg_core.training.world.paper_losses import FinetuneConfig, FrozenParts, draw_batch, roll_out_with_gradients
from sgvg_core.training.world.sound_pool import SoundPool, make_sound_pool
from sgvg_core.walker import WalkSettings, WalkState, take_step

REACH = 6
"""Windows: half a second, so that clips of two seconds have moments with all around them and moments without."""
ENCODER = dataclasses.replace(TINY.sound_encoder, texture_reach=REACH / 12)
RATE = Fraction(12)


def speaking(encoder: SoundInversionEncoder) -> SoundInversionEncoder:
    """The same with a texture that says something, which a fresh one doesn't."""
    assert encoder.texture is not None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        torch.nn.init.normal_(encoder.texture.project.weight)
    return encoder


@pytest.fixture
def encoder() -> SoundInversionEncoder:
    torch.manual_seed(0)
    return speaking(build_sound_encoder(ENCODER).eval().requires_grad_(False))


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> SoundPool:
    return make_sound_pool(tmp_path_factory.mktemp("pool"), TINY.mel, rate=12.0, seed=3, num_clips=9, seconds=3.0, workers=1)


def in_a_film(encoder: SoundInversionEncoder, model, sound: torch.Tensor, rate: int) -> torch.Tensor:
    """What E_a hears for a film of a whole sound, at every step."""
    walk = Walk(analyse_sound(Sound.from_waveform(sound[None], rate), TINY.mel), encoder, model.walker, torch.zeros(1, 8, 24), RATE)
    return torch.cat(list(walk.offsets(count_steps(walk.num_frames, RATE, RATE), RATE)))


@pytest.mark.slow
def test_a_pool_holds_as_many_windows_as_a_film_hears(pool):
    assert pool.windows.shape[:2] == (9, 37)  # 36 frames, and the end of the last one


@pytest.mark.slow
@pytest.mark.parametrize("num_before", [0, 24])
def test_finetune_hears_what_a_film_hears(pool, encoder, tiny_model, num_before):
    frozen = FrozenParts(_generator(), None, torch.zeros(9, 4), torch.device("cpu"))
    config = FinetuneConfig(batch=4, burn_in_steps=(num_before,))
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    heard = draw_batch(frozen, [pool], config, 4, rng, encoder.reach)
    alone = draw_batch(frozen, [pool], config, 4, again)
    assert torch.equal(heard.steps, alone.steps)  # the windows around change nothing in what is drawn
    assert heard.steps.shape[1] == num_before + 4
    walker, settings = tiny_model.walker, WalkSettings()
    ws = roll_out_with_gradients(encoder, walker, heard, 4)
    for item in range(4):
        clip, first = _find(pool, alone.steps[item])
        film = torch.cat(list(encode_stream(encoder, pool.log_mels(np.array(clip)).split(7))))
        state = WalkState(heard.start_ws[item : item + 1], heard.start_ws[item : item + 1])
        for t in range(num_before + 4):
            state = take_step(walker, state, film[first + t][None], settings)
        torch.testing.assert_close(ws[item, -1], state.ws[0], rtol=0, atol=1e-5)
    clip, first = _find(pool, alone.steps[0])
    film = torch.cat(list(encode_stream(encoder, [pool.log_mels(np.array(clip))])))[first + num_before :][:4]
    assert (encode_clips(encoder, alone.steps[:1, num_before:])[0] - film).abs().max() > 1e-3  # the frames that count, cut off from the rest


def _generator():
    from sgvg_core.assembly import build_generator

    torch.manual_seed(1)
    return build_generator(TINY_WORLD.generator).eval().requires_grad_(False)


def _find(pool: SoundPool, windows: torch.Tensor) -> tuple[int, int]:
    """The clip and the first window that these are of."""
    wanted = (windows[:, 0] * 255).round().to(torch.uint8).numpy()
    for clip in range(len(pool.kinds)):
        for first in range(pool.windows.shape[1] - len(wanted) + 1):
            if np.array_equal(pool.windows[clip, first : first + len(wanted)], wanted):
                return clip, first
    raise AssertionError("not of this pool")


@pytest.fixture
def training(tiny_model, clip_data, monkeypatch) -> ClipSgvgTraining:
    """The preset tiny in small, its windows as they are: without wear and masks, as a film hears them."""
    monkeypatch.setattr(clip_windows, "augment_window", lambda samples, rng, rate: samples)
    monkeypatch.setattr(clip_windows, "mask_log_mels", lambda images, rng: images)
    tiny = CLIP_SGVG_PRESETS["tiny"]
    assert tiny.encoder.texture_reach > 0
    critics = CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,))
    terms = dataclasses.replace(tiny.terms, sound_image=False, sound_text=False)
    walker = dataclasses.replace(TINY.walker, hidden=16)
    config = dataclasses.replace(tiny, encoder=ENCODER, walker=walker, critics=critics, terms=terms, batch=3, burn_in_steps_other_clips=(0,))
    training = ClipSgvgTraining(config, tiny_model.generator, tiny_model.joint_space, clip_data.labels)
    speaking(training.encoder).requires_grad_(False)
    return training


@pytest.mark.parametrize(("num_before", "begin"), [(21, 0.0), (9, 0.0), (9, 0.5), (3, 1.0), (9, 1.0)])
def test_walks_on_clips_hear_what_a_film_hears(training, clip_data, tiny_model, monkeypatch, num_before, begin):
    windows = ClipWindows(clip_data, TINY.mel)
    reader = WalkReader(windows, tiny_model.generator, dataclasses.replace(training.config, burn_in_steps=(num_before,)))
    clip, count, first = windows.clips[0], num_before + 3, round(begin * 12)
    assert reader.reach == training.encoder.reach == REACH
    sounds, inside = reader._heard(clip, begin, count, torch.Generator().manual_seed(0), before=True, after=True)
    assert sounds.shape[0] == inside.shape[0] == count + 2 * REACH
    film = in_a_film(training.encoder, tiny_model, *_sound(windows, clip))
    ws = torch.zeros(1, 8, 24)
    heard: list[torch.Tensor] = []
    monkeypatch.setattr(training, "_step", lambda state, audio: heard.append(audio) or state)
    training.burn_in(sounds[None, :-3], ws, inside[None, :-3])
    last = 3 + 2 * REACH
    training.rollout(WalkState(ws, ws), sounds[None, -last:], inside[None, -last:])
    assert len(heard) == count
    torch.testing.assert_close(torch.cat(heard), film[first : first + count], rtol=0, atol=1e-5)


def _sound(windows: ClipWindows, clip) -> tuple[torch.Tensor, int]:
    return windows.sound(clip)[0], windows.mel.sample_rate


@pytest.mark.slow
def test_a_walk_that_heard_others_first_is_heard_as_one_sound(training, clip_data, tiny_model):
    config = dataclasses.replace(training.config, burn_in_steps=(12,), burn_in_steps_other_clips=(30,))
    walks = WalkReader(ClipWindows(clip_data, TINY.mel), tiny_model.generator, config).read(0, range(3))
    assert walks.inside is not None
    assert walks.sounds.shape[1] == walks.inside.shape[1] == 30 + 12 + 3 + 2 * REACH
    with torch.no_grad():
        heard = torch.stack(training._offsets(walks.sounds, slice(REACH, 45 + REACH), walks.inside), 1)
        for item in range(3):
            own = walks.inside[item]
            film = torch.cat(list(encode_stream(training.encoder, [walks.sounds[item][own]])))
            begin = int(own[:REACH].sum())
            torch.testing.assert_close(heard[item], film[begin : begin + 45], rtol=0, atol=1e-5)


def test_what_lies_beyond_the_clip_changes_nothing(training, clip_data, tiny_model):
    walks = WalkReader(ClipWindows(clip_data, TINY.mel), tiny_model.generator, training.config).read(0, range(3))
    assert walks.inside is not None
    assert not walks.inside.all()
    other = dataclasses.replace(walks, sounds=torch.where(walks.inside[..., None, None, None], walks.sounds, torch.rand_like(walks.sounds)))
    for one, two in zip(*(training._from(training._before(each), each) for each in (walks, other)), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_step_with_a_reach_learns_and_samples_are_films_of_the_whole_clip(training, clip_data, tiny_model):
    training.encoder.requires_grad_(True)
    seen = {}
    training.note = lambda **values: seen.update(values)
    windows = ClipWindows(clip_data, TINY.mel)
    training.step(0, WalkReader(windows, tiny_model.generator, training.config).read(0, range(3)))
    assert bool(seen["loss"].isfinite())
    film = sample_film(Sampled(tiny_model.generator, training.encoder_ema, training.walker_ema, WalkSettings(), seed=1), windows, windows.clips[0], 0)
    assert film.shape[0] == 24


@pytest.mark.slow
def test_the_warm_start_learns_from_textures_as_films_have_them(training, clip_data, tiny_model):
    windows, labels = ClipWindows(clip_data, TINY.mel), list(clip_data.labels)
    heard = clip_sgvg._analyse_clips(windows, windows.clips, labels, training, lambda *said: None)
    assert heard.surroundings is not None
    for number, clip in enumerate(windows.clips):
        film = in_a_film(training.encoder, tiny_model, *_sound(windows, clip))
        own = np.flatnonzero(np.arange(len(heard.labels)) // 24 == number)
        places = heard.surroundings.places[own] - heard.surroundings.firsts[own]
        assert len(set(places.tolist())) == 24
        shown = windows.windows(clip, 0.0, RATE, 25)[places]  # as they were before they were kept in 8 bits
        assert (shown - heard.log_mel(own)).abs().max() <= 0.5 / 255 + 1e-6
        told = training.encoder(shown, heard.surroundings.textures(training.encoder, own))
        torch.testing.assert_close(told, film[places], rtol=0, atol=1e-5)
        assert (training.encoder(shown) - film[places]).abs().max() > 0.01
