"""E_a and the walker learned from clips: Eq. 1 to 9 one by one on real networks, the switches of the ablations, exact resume, samples."""

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_joint_space, build_sound_encoder, load_sound_encoder, load_walker
from sgvg_core.audio.mel import dequantise
from sgvg_core.config import CriticConfig, JointSpaceConfig, SoundInversionConfig, WalkerConfig
from sgvg_core.curves.loudness import loudness_envelope
from sgvg_core.errors import Cancelled, ConfigError, TrainingError
from sgvg_core.guidance.few_shot_fit import LabelledWindows
from sgvg_core.guidance.label_directions import LabelSearch
from sgvg_core.progress import silent
from sgvg_core.training import losses
from sgvg_core.training.clips import sgvg as stage
from sgvg_core.training.clips.joint_space_config import CLIP_JOINT_SPACE_PRESETS
from sgvg_core.training.clips.sgvg import train_clip_sgvg, warm_start
from sgvg_core.training.clips.sgvg_config import CLIP_SGVG_PRESETS, ClipSgvgConfig, SgvgTerms, WarmStart
from sgvg_core.training.clips.sgvg_step import ClipSgvgTraining
from sgvg_core.training.clips.walks import WalkReader
from sgvg_core.training.clips.windows import ClipWindows
from sgvg_core.training.runs.ranks import Ranks
from sgvg_core.training.runs.settings import read_stage_config
from sgvg_core.training.runs.state import read_state, write_state
from sgvg_core.training.runs.steps import Checkpoints, RunPolicy
from sgvg_core.walker import WalkState, take_step

ENCODER = SoundInversionConfig(num_ws=8, w_dim=24, log_mel_size=64, depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), pyramid_width=8, stem_stride=2)
CONFIG = ClipSgvgConfig(
    encoder=ENCODER,
    walker=WalkerConfig(num_ws=8, w_dim=24, hidden=16),
    critics=CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,)),
    warm_start=WarmStart(search=LabelSearch(num_codes=8, num_steps=1), num_steps=2, batch=8),
    batch=4,
    num_steps=4,
    burn_in_steps=(0, 4),
    share_every=2,
)
LONG = dataclasses.replace(CONFIG, burn_in_steps=(0,), burn_in_steps_other_clips=(0, 30), reset_distance=2.5)
"""Walks of 42 steps and more, 3.5 s; the clips are of 2 s."""


@pytest.fixture(scope="module")
def space():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = JointSpaceConfig(embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, sound_widths=(8, 8))
        return build_joint_space(config).eval().requires_grad_(False)


@pytest.fixture
def training(tiny_model, space, clip_data):
    return ClipSgvgTraining(CONFIG, tiny_model.generator, space, clip_data.labels)


@pytest.fixture(scope="module")
def walks(tiny_model, clip_data):
    return WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, CONFIG).read(0, range(4))


def walk(training, sounds, start_ws, num_frames=3):
    """Latents of a walk's last steps."""
    return training.rollout(training.burn_in(sounds[:, :-num_frames], start_ws), sounds[:, -num_frames:])


def test_a_walk_is_the_same_wherever_it_is_read(tiny_model, clip_data, walks):
    part = WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, CONFIG).read(0, range(2, 4))
    assert walks.real.shape == (4, 3, 3, 16, 16)
    assert walks.sounds.shape[1] in (3, 7)
    for name in ("sounds", "labels", "real"):
        assert torch.equal(getattr(part, name), getattr(walks, name)[2:]), name
    assert torch.allclose(part.start_ws, walks.start_ws[2:], atol=1e-5)  # products of another batch may round otherwise


@pytest.mark.slow
def test_other_clips_come_before_its_own_and_change_nothing_in_it(tiny_model, clip_data):
    def read(items, **settings):
        config = dataclasses.replace(CONFIG, **settings)
        return WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, config).read(3, items)

    own = read(range(4), burn_in_steps=(12,))
    both = read(range(4), burn_in_steps=(0,), burn_in_steps_other_clips=(30,))  # after others it's heard for a second, though 0 steps were asked for
    assert both.sounds.shape[1] == 30 + 12 + 3
    assert torch.equal(both.sounds[:, 30:], own.sounds)
    for name in ("real", "start_ws", "labels"):
        assert torch.equal(getattr(both, name), getattr(own, name)), name
    assert read(range(4), burn_in_steps=(20,), burn_in_steps_other_clips=(30,)).sounds.shape[1] == 30 + 20 + 3
    part = read(range(2, 4), burn_in_steps=(0,), burn_in_steps_other_clips=(30,))
    assert torch.equal(part.sounds, both.sounds[2:])
    assert len({tuple(sound.flatten().tolist()) for sound in both.sounds[:, :30].flatten(1)}) == 4


def test_steps_differ_in_how_long_their_walks_are(tiny_model, clip_data):
    reader = WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, dataclasses.replace(LONG, burn_in_steps=(0, 4, 20)))
    assert {reader.burn_in_steps(step) for step in range(40)} == {(0, 0), (0, 4), (0, 20), (30, 12), (30, 20)}


@pytest.mark.slow
def test_about_half_of_the_walks_heard_only_clips_of_their_own_label(tiny_model, clip_data, monkeypatch):
    windows, heard = ClipWindows(clip_data, CONFIG.mel), []
    read_windows = windows.windows

    def windows_and_note(clip, *where):
        heard.append(clip.label)
        return read_windows(clip, *where)

    monkeypatch.setattr(windows, "windows", windows_and_note)
    reader = WalkReader(windows, tiny_model.generator, dataclasses.replace(LONG, burn_in_steps_other_clips=(60,)))
    alike = 0
    for item in range(24):
        heard.clear()
        reader.read(item // 4, range(item % 4, item % 4 + 1))
        own, *others = heard
        assert len(others) >= 3  # one after another: none is as long as 60 steps
        alike += set(others) == {own}
    assert 7 <= alike <= 18


@pytest.mark.slow
def test_long_walks_go_through_the_encoder_in_parts_and_walk_on(training, tiny_model, clip_data):
    config = dataclasses.replace(LONG, burn_in_steps_other_clips=(60,))
    walks = WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, config).read(0, range(2))
    sizes = []
    training.encoder.register_forward_hook(lambda module, given, made: sizes.append(len(given[0])))
    stands = training.burn_in(walks.sounds[:, :-3], walks.start_ws)
    assert (sum(sizes), max(sizes)) == (2 * 72, 2 * 24)
    state = WalkState(walks.start_ws, walks.start_ws)
    for t in range(72):
        state = take_step(training.walker, state, training.encoder(walks.sounds[:, t]), CONFIG.walk)
    assert torch.allclose(stands.ws, state.ws, atol=1e-4)
    assert (stands.num_steps, stands.ws.requires_grad) == (72, False)


@pytest.mark.slow
@pytest.mark.parametrize("broken", [10.0, float("nan")])
def test_a_walk_that_is_lost_begins_anew_and_the_others_go_on(tiny_model, space, clip_data, walks, broken):
    def training_with(reset_distance):
        return ClipSgvgTraining(dataclasses.replace(CONFIG, reset_distance=reset_distance), tiny_model.generator, space, clip_data.labels)

    free, bound = training_with(None), training_with(6.0)
    sounds = walks.sounds[:, :1].expand(-1, 5, -1, -1, -1).clone()
    sounds[1, 3:] = broken  # from its fourth step on the second walk hears what leads it astray
    for training in (free, bound):
        training.encoder.register_forward_hook(lambda module, given, heard: heard + given[0].mean((1, 2, 3)).view(-1, 1, 1).clamp(min=1) * 99 - 99)
    far, stands = free.burn_in(sounds, walks.start_ws), bound.burn_in(sounds, walks.start_ws)
    assert not (far.ws[1] - tiny_model.generator.w_avg).abs().max() < 6 * bound.w_scale
    assert torch.equal(stands.ws[1], walks.start_ws[1])
    assert all(float(h[:, 1].abs().max()) == 0 for h in stands.hidden.values())
    assert torch.equal(stands.ws[[0, 2, 3]], far.ws[[0, 2, 3]])
    seen = {}
    bound.note = lambda **values: seen.update(values)
    bound.step(1, dataclasses.replace(walks, sounds=torch.cat([sounds, walks.sounds[:, -3:]], 1)))
    assert float(seen["lost"]) == 2 / 4  # times a walk
    assert bool(seen["loss"].isfinite())


@pytest.mark.slow
def test_a_run_from_before_other_clips_goes_on_without_them(tiny_model, space, clip_data, tmp_path):
    def train(config, **options):
        return train_clip_sgvg(tmp_path, clip_data, tiny_model.generator, space, config, workers=0, **options)

    def stop(done, total, note="", preview=None):
        if note.startswith("sound encoder") and done >= 1:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        train(CONFIG, progress=stop)
    newest = Checkpoints(tmp_path / "clip_sgvg" / "checkpoints", 2, 0).newest()
    state = read_state(newest)
    del state["config"]["burn_in_steps_other_clips"]
    write_state(newest, state)
    with pytest.raises(ConfigError, match=r"burn_in_steps_other_clips was \[0\], is now \[0, 30\]"):
        train(dataclasses.replace(CONFIG, burn_in_steps_other_clips=(0, 30)))
    assert (train(CONFIG) / "walker.safetensors").exists()


def test_eq_1_and_4_the_walk_adds_what_is_heard_step_by_step(training, walks):
    """By hand: w^t = w^(t-1) + block(h, heard) with E_a's answer at every step, drawn back by the pull."""
    import math

    ws = walk(training, walks.sounds, walks.start_ws)
    state, hidden = walks.start_ws, {}
    drawn = 1 - math.exp(-CONFIG.pull / CONFIG.walker.walk_rate)
    for t in range(walks.sounds.shape[1]):
        step, hidden = training.walker(state, training.encoder(walks.sounds[:, t]), hidden)
        state = (1 - drawn) * (state + step) + drawn * walks.start_ws
    assert torch.allclose(ws[:, -1], state, atol=1e-5)


@pytest.mark.slow
def test_eq_2_and_3_the_encoders_terms(training, walks, space, clip_data):
    ws = walk(training, walks.sounds, walks.start_ws)
    frames = training.paint(ws)
    terms = training.encoder_terms(frames, ws, walks)
    images = space.embed_images(frames)
    sounds = space.embed_sounds(walks.sounds[:, -3:].flatten(0, 1))
    assert terms["sound_image"].item() == pytest.approx((1 - (images * sounds).sum(1)).mean().item(), abs=1e-5)
    words = training.words[walks.labels].repeat_interleave(3, 0)
    assert terms["sound_text"].item() == pytest.approx((1 - (images * words).sum(1)).mean().item(), abs=1e-5)
    assert terms["spread"].item() == pytest.approx((ws - ws.mean(1, keepdim=True)).square().mean().item(), abs=1e-6)
    unnamed = dataclasses.replace(walks, labels=torch.tensor([-1, -1, -1, int(walks.labels[3])]))
    alone = (1 - (images * words).sum(1))[9:].mean().item()
    assert training.encoder_terms(frames, ws, unnamed)["sound_text"].item() == pytest.approx(alone, abs=1e-5)


def test_eq_7_8_and_9_the_discriminators_and_the_side_against_them(training, walks):
    ws = walk(training, walks.sounds, walks.start_ws)
    frames = training.paint(ws)
    small = torch.nn.functional.interpolate(frames, (16, 16), mode="area")
    made, real = training.video_critic(small.unflatten(0, (4, 3))), training.video_critic(walks.real)
    critic = training.critic_terms(walks.real, frames)
    assert critic["video_critic"].item() == pytest.approx(0.5 * ((real - 1) ** 2).mean().item() + 0.5 * (made**2).mean().item(), rel=1e-4)
    image = training.image_critic(small)
    against = training.adversarial_terms(frames, 3)
    assert against["image"].item() == pytest.approx(0.5 * ((image - 1) ** 2).mean().item(), rel=1e-4)
    assert against["video"].item() == pytest.approx(0.5 * ((made - 1) ** 2).mean().item(), rel=1e-4)
    whole = {**training.encoder_terms(frames, ws, walks), **against}
    by_hand = losses.walker(made, image, whole["sound_image"] + whole["sound_text"] + 0.1 * whole["spread"], lambda_enc=2.0)
    assert losses.total(whole, CONFIG.weights).item() == pytest.approx(by_hand.item(), rel=1e-4)


@pytest.mark.parametrize("off", ["sound_image", "sound_text", "spread", "video", "image"])
def test_a_term_that_is_switched_off_is_not_there(tiny_model, space, clip_data, walks, off):
    config = dataclasses.replace(CONFIG, terms=dataclasses.replace(SgvgTerms(), **{off: False}))
    training = ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels)
    seen = {}
    training.note = lambda **values: seen.update(values)
    training.step(1, walks)
    assert {"sound_image", "sound_text", "spread", "video", "image"} - set(seen) == {off}
    assert (f"{off}_critic" in seen) is False


def test_without_discriminators_it_is_eq_3(tiny_model, space, clip_data):
    config = dataclasses.replace(CONFIG, terms=SgvgTerms(video=False, image=False), lambda_b=0.5)
    assert config.weights == {"sound_image": 1.0, "sound_text": 1.0, "spread": 0.5}


@pytest.mark.parametrize("block", ["coarse", "mid", "fine"])
def test_a_block_that_is_switched_off_holds_still(tiny_model, space, clip_data, walks, block):
    config = dataclasses.replace(CONFIG, blocks=tuple(name for name in ("coarse", "mid", "fine") if name != block))
    training = ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels)
    moved = (walk(training, walks.sounds, walks.start_ws)[:, -1] - walks.start_ws).abs().amax((0, 2)) > 1e-7
    still = torch.zeros(8, dtype=torch.bool)
    still[training.walker.slices[block]] = True
    assert torch.equal(moved, ~still)


def test_without_recurrence_nothing_is_remembered(tiny_model, space, clip_data, walks):
    training = ClipSgvgTraining(dataclasses.replace(CONFIG, recurrence=False), tiny_model.generator, space, clip_data.labels)
    ws = walk(training, walks.sounds[:, :2], walks.start_ws, 2)
    step, _ = training.walker(ws[:, 0], training.encoder(walks.sounds[:, 1]), {})
    drawn = ws[:, 1] - (ws[:, 0] + step)
    assert torch.allclose(drawn, (walks.start_ws - ws[:, 0] - step) * 0.00664, atol=1e-4)
    remembering = ClipSgvgTraining(CONFIG, tiny_model.generator, space, clip_data.labels)
    assert not torch.allclose(walk(remembering, walks.sounds[:, :2], walks.start_ws, 2)[:, 1], ws[:, 1])


@pytest.mark.slow
def test_slices_have_the_gradients_of_the_whole(tiny_model, space, clip_data, walks):
    gradients = []
    for accumulate in (1, 2):
        training = ClipSgvgTraining(dataclasses.replace(CONFIG, accumulate=accumulate), tiny_model.generator, space, clip_data.labels)
        training.note = lambda **values: None
        training.step(1, walks)
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in training.trained if parameter.grad is not None]))
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_the_warm_start_leads_labels_apart(training, clip_data):
    config = dataclasses.replace(CONFIG, warm_start=WarmStart(search=LabelSearch(num_codes=16, num_steps=2), num_steps=25, batch=16, lr=4e-3))
    training.config = config
    found = warm_start(training, ClipWindows(clip_data, CONFIG.mel))
    assert found["warm_start_loss"] < 0.3
    windows = ClipWindows(clip_data, CONFIG.mel, "test")
    heard = {clip.label: training.encoder(windows.windows(clip, 0.5, Fraction(12), 1)) for clip in windows.clips}
    first, second, third = heard.values()
    assert (first - second).norm() + (second - third).norm() > 1e-2
    assert all(torch.equal(a, b) for a, b in zip(training.walker_ema.parameters(), training.walker.parameters(), strict=True))


# ---- the warm start, part by part


WIDE = dataclasses.replace(ENCODER, texture=4, texture_reach=0.5)
"""An E_a whose texture is averaged over six windows on each side."""


def test_moments_of_clips_are_heard_as_a_whole_and_know_what_is_around(clip_data):
    windows, encoder = ClipWindows(clip_data, CONFIG.mel), build_sound_encoder(WIDE).eval()
    first, second = windows.clips[:2]
    whole = stage._WholeClips(windows, Fraction(12), encoder)
    moments = [(first, 3, 0), (first, 20, None), (second, 5, 1), (first, 0, 2)]
    seen = [whole.moment(clip, place, None if seed is None else np.random.default_rng(seed)) for clip, place, seed in moments]
    heard = [windows.windows(clip, 0.0, Fraction(12), 25, np.random.default_rng(seed)) for clip, _, seed in moments if seed is not None]
    for one, other in zip(seen, (heard[0][3], heard[0][20], heard[1][5], heard[2][0]), strict=True):
        assert torch.equal(one, other[0])
    around = whole.surroundings()
    assert (around.places.tolist(), around.firsts.tolist(), around.lasts.tolist()) == ([3, 20, 30, 50], [0, 0, 25, 50], [24, 24, 49, 74])
    with torch.no_grad():
        assert torch.equal(around.numbers, torch.cat([encoder.measure_textures(some) for some in heard]))


@pytest.mark.slow
def test_of_each_clip_some_moments_are_analysed_with_their_label_and_loudness(tiny_model, space, clip_data):
    config = dataclasses.replace(CONFIG, encoder=WIDE)
    training = ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels)
    windows = ClipWindows(clip_data, CONFIG.mel)
    found = stage._analyse_clips(windows, windows.clips[:2], clip_data.labels, training, silent)
    assert found.log_mels.shape == (48, 64, 64)  # all 24 moments of two seconds, each once
    assert found.labels.tolist() == [windows.label(clip) for clip in windows.clips[:2] for _ in range(24)]
    assert len(found.surroundings.numbers) == 2 * 4 * 25  # six moments share a hearing of the whole clip
    own = found.surroundings.places - found.surroundings.firsts
    for index, clip in enumerate(windows.clips[:2]):
        rows = slice(24 * index, 24 * index + 24)
        assert sorted(own[rows]) == list(range(24))
        envelope = loudness_envelope(windows.sound(clip)[0].numpy(), CONFIG.mel.sample_rate, 12.0, 24)
        np.testing.assert_allclose(found.strengths[rows], envelope[own[rows]], atol=1e-6)


def test_labels_lie_where_their_words_and_their_sounds_lie(tiny_model, space, clip_data):
    def directions(terms):
        training = ClipSgvgTraining(dataclasses.replace(CONFIG, terms=terms), tiny_model.generator, space, clip_data.labels)
        return stage._label_directions(training, heard, ["rain", "fire"])

    images = np.random.default_rng(0).integers(0, 256, (70, 64, 64)).astype(np.uint8)
    heard = LabelledWindows(images, np.arange(70) % 2, np.ones(70, np.float32))
    words = space.embed_texts(["rain", "fire"])
    embedded = space.embed_sounds(dequantise(torch.from_numpy(images))[:, None])
    sounds = torch.stack([torch.nn.functional.normalize(embedded[label::2].mean(0), dim=0) for label in range(2)])
    torch.testing.assert_close(directions(SgvgTerms()), torch.nn.functional.normalize(words + sounds, dim=1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(directions(SgvgTerms(sound_image=False)), words, atol=1e-6, rtol=1e-5)


@pytest.fixture
def few_moments(monkeypatch):
    """Two moments of each clip in the warm start instead of 24."""
    monkeypatch.setattr(stage, "_WARM_MOMENTS", 2)


def values_of(module):
    return torch.cat([parameter.detach().flatten() for parameter in module.parameters()])


@pytest.mark.slow
@pytest.mark.parametrize("hidden", [5, 6])
def test_a_walker_with_two_units_a_label_follows_after_the_warm_start(tiny_model, space, clip_data, few_moments, hidden):
    config = dataclasses.replace(CONFIG, walker=dataclasses.replace(CONFIG.walker, hidden=hidden),
                                 warm_start=WarmStart(search=LabelSearch(num_codes=8, num_steps=1), num_steps=1, batch=4, lr=1e-2))  # fmt: skip
    training = ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels)
    encoder, walker = values_of(training.encoder), values_of(training.walker)
    warm_start(training, ClipWindows(clip_data, CONFIG.mel))
    assert torch.equal(values_of(training.walker), walker) == (hidden == 5)
    for mean, own in ((training.encoder_ema, training.encoder), (training.walker_ema, training.walker)):
        assert torch.equal(values_of(mean), values_of(own))
    assert (values_of(training.encoder) - encoder).abs().max() > 1e-5


# ---- the run


SHORT = dataclasses.replace(CONFIG, num_steps=2, batch=2, accumulate=2, burn_in_steps=(0,), terms=SgvgTerms(video=False, image=False),
                            warm_start=WarmStart(search=LabelSearch(num_codes=8, num_steps=1), num_steps=1, batch=4))  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Waiting(Ranks):
    """The only process, which notes what lies in a folder when it waits for the others."""

    folder: Path = Path()
    waited: list = dataclasses.field(default_factory=list)

    def wait(self):
        self.waited.append(sorted(path.name for path in self.folder.glob("*.safetensors")))


@pytest.mark.slow
def test_a_run_is_warmed_once_and_reads_all_items_of_its_slices(tiny_model, space, clip_data, few_moments, tmp_path, monkeypatch):
    notes, read = [], []
    own_read = WalkReader.read
    monkeypatch.setattr(WalkReader, "read", lambda self, step, items: read.append((step, items)) or own_read(self, step, items))

    def train(minutes):
        policy = RunPolicy(log_every=1, max_minutes=minutes)
        ranks = Waiting(folder=tmp_path)
        train_clip_sgvg(tmp_path, clip_data, tiny_model.generator, space, SHORT, workers=0, policy=policy, ranks=ranks,
                        progress=lambda done, total, note="", preview=None: notes.append(note))  # fmt: skip
        return ranks.waited

    assert train(0.0) == [[]]  # no time for all of it, so there's nothing to export
    assert "hear the clips" in notes
    notes.clear()
    assert train(None) == [["sound_encoder.safetensors", "walker.safetensors"]]
    assert "hear the clips" not in notes
    assert read == [(0, range(2)), (1, range(2))]
    lines = [json.loads(line) for line in (tmp_path / "clip_sgvg" / "metrics.jsonl").read_text().splitlines() if "loss" in line]
    assert [line["step"] for line in lines if "gradient_norm" in line] == [1, 2]


@pytest.mark.slow
def test_what_a_run_begins_with_replaces_the_warm_start(tiny_model, space, clip_data, tmp_path):
    config = dataclasses.replace(SHORT, num_steps=1, encoder_lr=1e-6, walker_lr=1e-6)
    begin = ClipSgvgTraining(dataclasses.replace(config, seed=5), tiny_model.generator, space, clip_data.labels)
    train_clip_sgvg(tmp_path, clip_data, tiny_model.generator, space, config, workers=0, init_from=(begin.encoder, begin.walker))
    exported = load_sound_encoder(tmp_path / "sound_encoder.safetensors")[0], load_walker(tmp_path / "walker.safetensors")
    for own, other in zip(exported, (begin.encoder, begin.walker), strict=True):
        torch.testing.assert_close(values_of(own), values_of(other), atol=1e-3, rtol=1e-2)


@pytest.mark.slow
def test_killed_and_gone_on_it_ends_with_the_same_bits(tiny_model, space, clip_data, tmp_path):
    def train(name, **options):
        return train_clip_sgvg(tmp_path / name, clip_data, tiny_model.generator, space, LONG, workers=0, **options)

    def stop(done, total, note="", preview=None):
        if note.startswith("sound encoder") and done >= 2:
            raise Cancelled("stop")

    reader = WalkReader(ClipWindows(clip_data, LONG.mel), tiny_model.generator, LONG)
    assert 30 in {reader.burn_in_steps(step)[0] for step in range(2, LONG.num_steps)}  # long walks after the stop
    whole = train("whole", policy=RunPolicy(sheet_every=4))
    with pytest.raises(Cancelled):
        train("cut", progress=stop)
    again = train("cut")
    for part in ("sound_encoder", "walker"):
        assert (again / f"{part}.safetensors").read_bytes() == (whole / f"{part}.safetensors").read_bytes()
    load_walker(whole / "walker.safetensors"), load_sound_encoder(whole / "sound_encoder.safetensors")
    lines = [json.loads(line) for line in (whole / "clip_sgvg" / "metrics.jsonl").read_text().splitlines()]
    assert {"share_sound_image", "share_video", "warm_start_loss", "image_critic", "waiting_share"} <= set(lines[-1])
    assert sum(value for name, value in lines[-1].items() if name.startswith("share_")) == pytest.approx(1.0, abs=1e-3)
    samples = {path.name for path in (whole / "clip_sgvg" / "samples").iterdir()}
    assert {"step_00000000.png", "step_00000004.png", "step_00000004_0.mp4"} <= samples
    with pytest.raises(ConfigError, match=r"begun with other settings \(inputs.generator was absent"):
        train("cut", inputs={"generator": "another"})


def test_nan_stops_before_the_weights_change(tiny_model, space, clip_data, tmp_path, walks):
    training = ClipSgvgTraining(CONFIG, tiny_model.generator, space, clip_data.labels)

    def note(**values):
        for name, value in values.items():
            if not bool(torch.as_tensor(value).isfinite()):
                raise TrainingError(name)

    training.note = note
    before = [parameter.clone() for parameter in training.trained]
    broken = dataclasses.replace(walks, start_ws=walks.start_ws * float("nan"))
    with pytest.raises(TrainingError):
        training.step(1, broken)
    assert all(torch.equal(a, b) for a, b in zip(before, training.trained, strict=True))


def test_ears_that_hear_otherwise_than_the_joint_space_are_refused(tiny_model, space, clip_data):
    config = dataclasses.replace(CONFIG, mel=dataclasses.replace(CONFIG.mel, segment_seconds=2.0))
    with pytest.raises(ConfigError, match=r"mel: E_a hears .* or switch terms.sound_image off"):
        ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels)


@pytest.mark.parametrize("preset", list(CLIP_SGVG_PRESETS))
def test_presets_of_both_stages_hear_the_same(preset):
    assert CLIP_JOINT_SPACE_PRESETS[preset].space.mel == CLIP_SGVG_PRESETS[preset].mel


def test_settings_come_from_presets_files_and_changes(tmp_path):
    (tmp_path / "own.json").write_text(json.dumps({"preset": "tiny", "terms": {"video": False}}))
    config = read_stage_config(CLIP_SGVG_PRESETS, file=tmp_path / "own.json", changes=["warm_start.search.num_codes=9", "blocks=[\"fine\"]"])
    assert (config.terms.video, config.terms.image, config.warm_start.search.num_codes, config.blocks) == (False, True, 9, ("fine",))
    with pytest.raises(ConfigError, match="unknown setting 'lamda_b'"):
        read_stage_config(CLIP_SGVG_PRESETS, changes=["lamda_b=1"])
