"""What a step on clips is made of: real frames of the very moments that are heard, walks of the right lengths, discriminators that are told
what is real; and averages that follow and are exported."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.assembly import build_joint_space, load_sound_encoder, load_walker
from sgvg_core.config import CriticConfig, JointSpaceConfig, SoundInversionConfig, WalkerConfig
from sgvg_core.training.clips.sgvg import train_clip_sgvg
from sgvg_core.training.clips.sgvg_config import ClipSgvgConfig, SgvgTerms
from sgvg_core.training.clips.sgvg_step import ClipSgvgTraining
from sgvg_core.training.clips.walks import WalkReader
from sgvg_core.training.clips.windows import ClipWindows
from sgvg_core.training.runs.state import read_state
from sgvg_core.training.runs.steps import Checkpoints

CONFIG = ClipSgvgConfig(
    encoder=SoundInversionConfig(num_ws=8, w_dim=24, log_mel_size=64, depths=(1, 1, 1, 1), widths=(8, 8, 8, 8), pyramid_width=8, stem_stride=2),
    walker=WalkerConfig(num_ws=8, w_dim=24, hidden=16),
    critics=CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,)),
    batch=2,
    num_steps=3,
    burn_in_steps=(4,),
    share_every=2,
    encoder_lr=1e-2,
    walker_lr=1e-2,
)


@pytest.fixture(scope="module")
def space():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = JointSpaceConfig(embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, sound_widths=(8, 8))
        return build_joint_space(config).eval().requires_grad_(False)


@pytest.fixture
def training(tiny_model, space, clip_data):
    return ClipSgvgTraining(CONFIG, tiny_model.generator, space, clip_data.labels)


class Watched(ClipWindows):
    """Notes what is read, and from when."""

    def windows(self, clip, seconds, rate, count, rng=None):
        self.heard = [*getattr(self, "heard", []), (clip.key, seconds, rate, count)]
        return super().windows(clip, seconds, rate, count, rng)

    def frames(self, clip, seconds, rate, count, size):
        self.seen = [*getattr(self, "seen", []), (clip.key, seconds, rate, count, size)]
        return super().frames(clip, seconds, rate, count, size)


def reader_of(tiny_model, clip_data, **changed):
    windows = Watched(clip_data, CONFIG.mel)
    return windows, WalkReader(windows, tiny_model.generator, dataclasses.replace(CONFIG, **changed))


@pytest.mark.parametrize("num_before", [0, 4, 12])
def test_real_frames_are_those_of_the_last_moments_that_are_heard(tiny_model, clip_data, num_before):
    windows, reader = reader_of(tiny_model, clip_data, burn_in_steps=(num_before,))
    begins = set()
    for step in range(4):
        walks = reader.read(step, range(2))
        for item in range(2):
            (key, begin, rate, count), (seen, first, frame_rate, num_frames, size) = windows.heard.pop(0), windows.seen.pop(0)
            assert (key, rate, num_frames, size) == (seen, frame_rate, 3, 16) == (key, 12, 3, 16)
            reach = reader.reach
            assert num_before + 3 <= count <= num_before + 3 + 2 * reach
            clip = next(clip for clip in windows.clips if clip.key == key)
            own = first - num_before / 12  # where the walk begins to hear its clip
            assert begin <= own + 1e-6 <= begin + reach / 12 + 2e-6
            assert 0 <= own <= max(0.0, clip.seconds - (num_before + 3) / 12) + 1e-6
            begins.add(round(own, 3))
            assert torch.equal(walks.real[item], ClipWindows.frames(windows, clip, first, rate, 3, 16))
    assert len(begins) > 4


def test_each_window_is_that_of_its_moment(tiny_model, clip_data):
    """A clip without any change of its sound: window k of a walk is the one that stands k / rate after the walk's first."""
    windows, reader = reader_of(tiny_model, clip_data)
    plain = ClipWindows(clip_data, CONFIG.mel)
    windows.windows = lambda clip, seconds, rate, count, rng=None: ClipWindows.windows(windows, clip, seconds, rate, count)
    for step in range(3):
        walks = reader.read(step, range(2))
        for item in range(2):
            key, first, rate, _, _ = windows.seen.pop(0)
            clip = next(clip for clip in plain.clips if clip.key == key)
            last = walks.sounds.shape[1] - reader.reach
            for k in range(3):
                alone = plain.windows(clip, first + k / float(rate), rate, 1)[0]
                assert (walks.sounds[item, last - 3 + k] - alone).abs().mean() < 0.01


def test_a_walk_longer_than_its_clip_begins_with_the_clip(tiny_model, clip_data):
    windows, reader = reader_of(tiny_model, clip_data, burn_in_steps=(40,))
    reader.read(0, range(2))
    assert [first for _, first, *_ in windows.seen] == [pytest.approx(40 / 12)] * 2


def test_a_step_shares_its_lengths_and_starts_are_drawn_by_item(tiny_model, clip_data):
    _, reader = reader_of(tiny_model, clip_data, burn_in_steps=(0, 4, 12))
    lengths = {step: reader.read(step, range(2)).sounds.shape[1] - 2 * reader.reach for step in range(8)}
    assert set(lengths.values()) == {3, 7, 15}
    assert all(length - 3 == reader.burn_in_steps(step)[1] for step, length in lengths.items())
    one, other = reader.read(1, range(2)).start_ws, reader.read(2, range(2)).start_ws
    assert len({tuple(ws.flatten().tolist()) for ws in [*one, *other]}) == 4
    assert torch.allclose(reader.read(1, range(1, 2)).start_ws[0], one[1], atol=1e-5)


def test_labels_are_those_of_the_clips(tiny_model, clip_data):
    windows, reader = reader_of(tiny_model, clip_data)
    walks = reader.read(0, range(2))
    keys = [key for key, *_ in windows.seen]
    named = {clip.key: clip.label for clip in windows.clips}
    assert [clip_data.labels[label] for label in walks.labels.tolist()] == [named[key] for key in keys]


# ---- what is heard of a clip, by clips of known lengths


@dataclasses.dataclass(frozen=True)
class Length:
    """All of a clip that says how long it may be heard."""

    key: str
    seconds: float
    label: str = ""


class Lengths:
    """Windows of clips that are lengths alone; notes what is read."""

    def __init__(self, *clips):
        self.clips, self.heard = list(clips), []

    def __len__(self):
        return len(self.clips)

    def label(self, clip):
        return ["rain"].index(clip.label) if clip.label else -1

    def windows(self, clip, seconds, rate, count, rng=None):
        self.heard.append((clip, seconds, count))
        return torch.zeros(count, 1, 2, 2)


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("seconds", [2.03, 0.5, 1 / 12, 0.05])
def test_of_another_clip_as_much_is_heard_as_it_has(tiny_model, seconds):
    """From a moment on that leaves room for it; a clip shorter than a step is heard from its beginning."""
    windows = Lengths(Length("a", seconds))
    reader = WalkReader(windows, tiny_model.generator, CONFIG)
    reader._others(-1, 30 * max(1, int(seconds * 12)), numbers())
    begins = [begin for _, begin, _ in windows.heard[1:]]  # before the first one is what is around it
    assert len(begins) == 29
    assert [count for _, _, count in windows.heard[1:]] == [max(1, int(seconds * 12))] * 29
    assert all(0 <= begin <= max(0.0, seconds - max(1, int(seconds * 12)) / 12) + 1e-9 for begin in begins)
    assert (len(set(begins)) > 20) == (seconds == 2.03)


def test_who_has_no_label_hears_any_clips_before(tiny_model):
    windows = Lengths(Length("a", 0.25), Length("b", 0.25, "rain"))
    reader = WalkReader(windows, tiny_model.generator, CONFIG)
    for seed in range(60):
        reader._others(-1, 9, numbers(seed))
    named = [clip.label for clip, *_ in windows.heard]
    assert len(named) == 180
    assert 70 < named.count("rain") < 110


def test_half_of_the_walks_hear_their_own_label_alone_before_the_first_label_too(tiny_model):
    windows = Lengths(Length("a", 0.25), Length("b", 0.25, "rain"))
    reader = WalkReader(windows, tiny_model.generator, CONFIG)
    for seed in range(100):
        reader._others(0, 3, numbers(seed))
    assert 65 <= [clip.label for clip, *_ in windows.heard].count("rain") <= 85  # a half, and half of the rest


WIDE = dataclasses.replace(CONFIG.encoder, texture=4, texture_reach=0.5)
"""An E_a whose texture is averaged over six windows on each side."""


@pytest.mark.parametrize("room", [0, 1, 2])
def test_what_is_around_ends_with_the_last_window_that_a_film_hears(tiny_model, room):
    """Of two seconds at 12 a second those are 25, at both ends too."""
    windows = Lengths(Length("a", 2.0))
    reader = WalkReader(windows, tiny_model.generator, dataclasses.replace(CONFIG, encoder=WIDE))
    assert reader.reach == 6
    begin = (19 - room) / 12
    sounds, inside = reader._heard(windows.clips[0], begin, 6, numbers(), before=False, after=True)
    assert windows.heard == [(windows.clips[0], begin, 6 + room)]
    assert inside.tolist() == [True] * (6 + room) + [False] * (reader.reach - room)
    assert len(sounds) == 6 + reader.reach


@pytest.mark.parametrize("num_others", [0, 30])
def test_what_is_around_a_whole_walk_is_heard_with_it(tiny_model, clip_data, num_others):
    """Before its first moment and after its last, as far as the clip goes; nothing in between."""
    windows, reader = reader_of(tiny_model, clip_data, encoder=WIDE, burn_in_steps=(12,), burn_in_steps_other_clips=(num_others,))
    for step in range(3):
        walks = reader.read(step, range(2))
        assert walks.sounds.shape[:2] == walks.inside.shape == (2, 6 + num_others + 12 + 3 + 6)
        assert walks.inside[:, 6:-6].all()
        assert not walks.sounds[~walks.inside].any()
        for item in range(2):
            begin = windows.seen.pop(0)[1] - 12 / 12
            assert walks.inside[item, -6:].sum() == min(6, int((2.0 - begin) * 12 + 1e-6) - 14)  # of a clip of two seconds
            assert num_others or walks.inside[item, :6].sum() == min(6, int(begin * 12 + 1e-6))


def test_a_part_of_the_walks_knows_which_of_its_windows_are_its_own(tiny_model, clip_data):
    _, reader = reader_of(tiny_model, clip_data, encoder=WIDE)
    walks = reader.read(0, range(2))
    some = walks.some(slice(1, 2)).to(torch.device("cpu"))
    for field in dataclasses.fields(walks):
        assert torch.equal(getattr(some, field.name), getattr(walks, field.name)[1:]), field.name
    assert dataclasses.replace(walks, inside=None).some(slice(1)).inside is None


# ---- one step


def walks_of(tiny_model, clip_data, step=0):
    return WalkReader(ClipWindows(clip_data, CONFIG.mel), tiny_model.generator, CONFIG).read(step, range(2))


def test_eq_2_hears_the_moments_whose_frames_count(training, tiny_model, clip_data, space):
    walks = walks_of(tiny_model, clip_data)
    reach = training.encoder.reach
    assert walks.sounds.shape[1] == 4 + 3 + 2 * reach
    ws = torch.randn(2, 3, 8, 24, generator=torch.Generator().manual_seed(0))
    frames = training.paint(ws)
    far = [1 - F.cosine_similarity(space.embed_images(frames[3 * item + t][None]), space.embed_sounds(walks.sounds[item, reach + 4 + t][None]))
           for item in range(2) for t in range(3)]  # fmt: skip
    assert training.encoder_terms(frames, ws, walks)["sound_image"].item() == pytest.approx(torch.cat(far).mean().item(), abs=1e-5)


def test_both_discriminators_are_told_what_is_real_and_what_was_made(training, tiny_model, clip_data):
    walks, noted = walks_of(tiny_model, clip_data), {}
    frames = training.paint(torch.randn(2, 3, 8, 24, generator=torch.Generator().manual_seed(0)))
    small = F.interpolate(frames, (16, 16), mode="area")
    wanted = {}
    for name, critic, real, made in (
        ("video_critic", training.video_critic, walks.real, small.unflatten(0, (2, 3))),
        ("image_critic", training.image_critic, walks.real.flatten(0, 1), small),
    ):
        loss = 0.5 * (critic(real) - 1).square().mean() + 0.5 * critic(made).square().mean()
        wanted[name] = loss.item(), torch.autograd.grad(loss, list(critic.parameters()))
    training.note = lambda **values: noted.update(values)
    training._teach_critics([walks.real], [frames])
    for name, critic in (("video_critic", training.video_critic), ("image_critic", training.image_critic)):
        assert float(noted[name]) == pytest.approx(wanted[name][0], rel=1e-4)
        for parameter, gradient in zip(critic.parameters(), wanted[name][1], strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_the_loss_is_the_weighted_sum_of_the_terms(tiny_model, space, clip_data):
    config = dataclasses.replace(CONFIG, lambda_enc=5.0, lambda_b=0.3)
    training, noted = ClipSgvgTraining(config, tiny_model.generator, space, clip_data.labels), {}
    training.note = lambda **values: noted.update(values)
    training.step(0, walks_of(tiny_model, clip_data))
    weights = {"sound_image": 5.0, "sound_text": 5.0, "spread": 1.5, "video": 1.0, "image": 1.0}
    assert config.weights == pytest.approx(weights)
    assert float(noted["loss"]) == pytest.approx(sum(weight * float(noted[name]) for name, weight in weights.items()), rel=1e-5)
    assert sum(float(noted[f"share_{name}"]) for name in weights) == pytest.approx(1, abs=1e-4)
    assert not any(parameter.requires_grad for parameter in training.answering)  # in the second half of a step they only judge


def parameters(module):
    return torch.cat([parameter.detach().float().flatten() for parameter in module.parameters()])


@pytest.mark.slow
def test_the_averages_of_both_parts_follow_step_by_step(training, tiny_model, clip_data):
    seen = {"encoder": [], "walker": []}
    for step in range(3):
        training.step(step, walks_of(tiny_model, clip_data, step))
        for name, those in seen.items():
            those.append(parameters(getattr(training, name)))
    for name, those in seen.items():
        assert (those[2] - those[1]).abs().max() > 1e-3
        torch.testing.assert_close(parameters(getattr(training, f"{name}_ema")), torch.stack(those).mean(0), atol=1e-5, rtol=1e-4)


def test_later_the_averages_move_by_their_share(tiny_model, space, clip_data):
    training = ClipSgvgTraining(dataclasses.replace(CONFIG, average_steps=50), tiny_model.generator, space, clip_data.labels)
    before = parameters(training.walker_ema), parameters(training.encoder_ema)
    training.step(999, walks_of(tiny_model, clip_data))
    for old, mean, net in zip(before, (training.walker_ema, training.encoder_ema), (training.walker, training.encoder), strict=True):
        torch.testing.assert_close(parameters(mean), old + (parameters(net) - old) / 50, atol=1e-6, rtol=1e-3)


@pytest.mark.slow
def test_what_is_exported_are_the_averages(tiny_model, space, clip_data, tmp_path):
    config = dataclasses.replace(CONFIG, warm_start=dataclasses.replace(CONFIG.warm_start, num_steps=0), terms=SgvgTerms(video=False, image=False))
    train_clip_sgvg(tmp_path, clip_data, tiny_model.generator, space, config, workers=0)
    state = read_state(Checkpoints(tmp_path / "clip_sgvg" / "checkpoints", 2, 0).newest())["parts"]
    exported = {"walker": load_walker(tmp_path / "walker.safetensors"), "encoder": load_sound_encoder(tmp_path / "sound_encoder.safetensors")[0]}
    for name, module in exported.items():
        own, mean = (torch.cat([state[part][key].float().flatten() for key, _ in module.named_parameters()]) for part in (name, f"mean_{name}"))
        assert (own - mean).abs().max() > 3e-3
        torch.testing.assert_close(parameters(module), mean, atol=1e-3, rtol=1e-2)
