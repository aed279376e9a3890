"""The warm-up's teacher: where a sound leads, how fast the phase turns, what the walker and E_a are pulled to."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from sgvg_core.assembly import build_generator, build_sound_encoder, build_walker, load_sound_encoder
from sgvg_core.errors import ConfigError
from sgvg_core.latents import distance_out
from sgvg_core.presets import TINY_WORLD
from sgvg_core.training.runs.state import read_state
from sgvg_core.training.runs.timed import Run
from sgvg_core.training.world import encoder_warmup, latent_targets, walker_warmup
from sgvg_core.training.world.sound_pool import SoundPool
from sgvg_core.walker import WalkSettings, WalkState, take_step
from sgvg_core.world.codes import draw_codes, read_codes, write_codes

L, D = 8, 24


@pytest.fixture(scope="module")
def generator():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_generator(TINY_WORLD.generator).eval().requires_grad_(False)


@pytest.fixture
def answers(generator):
    """A table of offsets, and a reader whose answer is a number of a latent."""
    offsets = torch.randn(9, 9, D, generator=torch.Generator().manual_seed(1))
    reader = torch.nn.Linear(D, 1, bias=False).requires_grad_(False)
    reader.weight.copy_(torch.eye(3, D)[2:])
    codes = draw_codes(5, 20)
    latents = generator.mapping(codes)[:, 0]
    return latent_targets.LatentTargets(generator, latents.std(0).mean().item(), latents.mean(0), offsets, reader, codes)


@pytest.fixture
def updates():
    """The rate and the length of the gradient of every update of any optimiser."""
    noted = []

    def note(optimiser, *_):
        (group,) = optimiser.param_groups
        gradients = [parameter.grad.flatten() for parameter in group["params"] if parameter.grad is not None]
        noted.append((group["lr"], float(torch.cat(gradients).norm())))

    hook = register_optimizer_step_pre_hook(note)
    yield noted
    hook.remove()


@pytest.fixture
def few_codes(monkeypatch):
    """At most 40 codes are drawn; by which seeds, and how many were wanted."""
    drawn = []
    monkeypatch.setattr(latent_targets, "draw_codes", lambda seed, count: drawn.append((seed, count)) or draw_codes(seed, min(count, 40)))
    return drawn


# ---- what the frozen mapping answers


def test_an_offset_lies_between_the_levels_of_its_kind(answers):
    kinds = torch.tensor([2, 2, 5, 7, 7, 0])
    found = answers.offset(kinds, torch.tensor([0.0, 0.25, 0.3, 1.0, 1.7, -0.4]))
    table = answers.offsets
    wanted = [table[2, 0], table[2, 2], table[5, 2] + 0.4 * (table[5, 3] - table[5, 2]), table[7, 8], table[7, 8], table[0, 0]]
    torch.testing.assert_close(found, torch.stack(wanted), atol=1e-5, rtol=1e-4)


def test_the_envelope_is_read_off_the_mean_latent(answers):
    ws = torch.zeros(4, L, D)
    ws[:, 0, 2] = torch.tensor([0.0, 8.0, 4.0, 2.0])
    assert answers.envelope(ws).tolist() == pytest.approx([0, 1, 0.5, 0.25])


def test_the_place_on_a_circle_is_that_of_the_mean_latent_whatever_lies_off_its_plane():
    """The two directions of a circle are neither of one length nor at right angles."""
    middle, cosine, sine, off = torch.randn(4, 3, D, generator=torch.Generator().manual_seed(1)).unbind()
    sine = 0.2 * sine + 0.5 * cosine
    circle = latent_targets.PhaseCircle(middle, cosine, sine)
    across = off - sum((off * way).sum(1, keepdim=True) * way for way in torch.linalg.qr(torch.stack([cosine, sine], 2))[0].unbind(2))
    apart = torch.randn(3, L, D, generator=torch.Generator().manual_seed(2))
    turns, far = torch.tensor([0.0, 0.25, 0.625]), torch.tensor([1.0, 1.5, 0.8])[:, None]
    angle = 2 * math.pi * turns[:, None]
    moved = far * (angle.cos() * cosine + angle.sin() * sine)
    ws = (middle + moved + across)[:, None] + apart - apart.mean(1, keepdim=True)
    torch.testing.assert_close(circle.place(ws), far * circle.at(turns), atol=1e-4, rtol=1e-4)
    radius = ((cosine.square().sum(1) + sine.square().sum(1)) / 2).sqrt()
    torch.testing.assert_close(circle.place(ws).norm(dim=1), moved.norm(dim=1) / radius, atol=1e-4, rtol=1e-4)


def test_a_circle_goes_through_the_latents_of_a_scene_at_the_quarters_of_its_phase(answers):
    codes, kinds, envelopes = answers.codes[:3], torch.tensor([3, 6, 3]), torch.tensor([0.1, 0.5, 0.9])
    circle = answers.circle(codes, kinds, envelopes)
    at = [answers.generator.mapping(write_codes(codes, kind=kinds, envelope=envelopes, phase=torch.full((3,), turn / 4)))[:, 0] for turn in range(4)]
    torch.testing.assert_close(circle.middle, sum(at) / 4)
    torch.testing.assert_close(circle.middle + circle.cosine, at[0] + (circle.middle - (at[0] + at[2]) / 2), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(circle.cosine, (at[0] - at[2]) / 2, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(circle.sine, (at[1] - at[3]) / 2, atol=1e-5, rtol=1e-4)


def test_mean_offsets_are_each_kinds_and_levels_less_the_mean_of_all(generator):
    table = latent_targets._mean_offsets(generator, 4, num_codes=6)
    codes = draw_codes(4, 6)
    wanted = torch.stack([
        torch.stack([generator.mapping(write_codes(codes, kind=torch.full((6,), kind), envelope=torch.full((6,), level / 8)))[:, 0].mean(0)
                     for level in range(9)]) for kind in range(9)])  # fmt: skip
    torch.testing.assert_close(table, wanted - wanted.mean((0, 1)), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_the_reader_learns_the_envelope_at_any_phase(generator, few_codes):
    reader = latent_targets._teach_reader(generator, 0.1, D, seed=2, num_steps=300)
    codes, phase, envelope = draw_codes(3, 40), torch.rand(40), torch.rand(40)
    read = reader(generator.mapping(write_codes(codes, phase=phase, envelope=envelope))[:, 0])
    assert torch.corrcoef(torch.stack([read[:, 0], envelope]))[0, 1] > 0.6
    assert not any(parameter.requires_grad for parameter in reader.parameters())


def test_the_readers_rate_falls_to_nothing(generator, few_codes, updates):
    latent_targets._teach_reader(generator, 0.1, D, seed=2, num_steps=4)
    assert [lr for lr, _ in updates] == pytest.approx([2e-3, 2e-3, 1.5e-3, 1e-3])


def test_what_the_mapping_answers_is_measured_over_the_codes_of_a_seed(generator, few_codes, monkeypatch):
    tables = {3: torch.randn(9, 9, D)}
    monkeypatch.setattr(latent_targets, "_mean_offsets", lambda generator, seed: tables[seed])
    found = latent_targets.find_latent_targets(generator, num_reader_steps=1)
    assert few_codes == [(3, 500), (4, 3000), (5, 20_000)]
    mapped = generator.mapping(draw_codes(3, 40))[:, 0]
    assert found.w_scale == pytest.approx(float(mapped.std(0).mean()), rel=1e-5)
    torch.testing.assert_close(found.centre, mapped.mean(0), atol=1e-6, rtol=1e-5)
    assert found.offsets is tables[3]
    assert torch.equal(found.codes, draw_codes(5, 40))
    assert found.envelope(mapped[:, None]).shape == (40,)


# ---- the teacher's step


def walks_at(answers, blend, phase=(0.1, 0.2), kinds=(3, 6)):
    """Two walks that stand at known places."""
    ws = torch.randn(2, L, D, generator=torch.Generator().manual_seed(3))
    state = WalkState(ws, torch.zeros(2, L, D), {"clock": torch.tensor(phase)[None, :, None]})
    return walker_warmup._Walks(state, answers.codes[:2], torch.tensor(kinds), torch.ones(2, D), torch.tensor(blend))


def test_what_is_wanted_is_the_codes_latent_at_kind_envelope_and_the_clocks_phase_eased_in(answers):
    walks, envelope = walks_at(answers, [0.2, 1.0], phase=(0.1, 1.7)), torch.tensor([0.3, 0.8])
    wanted = walker_warmup._where_to(walks, answers, envelope, walk_rate=12.0)
    phase = torch.tensor([0.1, 0.7])
    there = answers.generator.mapping(write_codes(answers.codes[:2], kind=torch.tensor([3, 6]), envelope=envelope, phase=phase))[:, 0]
    blend = 0.2 + 1 / (0.9 * 12)
    assert walks.blend.tolist() == pytest.approx([blend, 1.0])
    eased = 3 * blend**2 - 2 * blend**3
    torch.testing.assert_close(wanted.latents[0], 1 + eased * (there[0] - 1), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(wanted.latents[1], there[1], atol=1e-5, rtol=1e-4)
    assert wanted.arrived.tolist() == [0, 1]
    circle = answers.circle(answers.codes[:2], torch.tensor([3, 6]), envelope)
    torch.testing.assert_close(wanted.place, circle.at(phase), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(wanted.circle.place(walks.state.ws), circle.place(walks.state.ws))


def test_fresh_walks_begin_at_codes_and_show_them(answers):
    walks = walker_warmup._fresh(answers, 6, L, np.random.default_rng(0))
    latents = answers.generator.mapping(walks.codes)[:, 0]
    torch.testing.assert_close(walks.state.ws, latents[:, None].expand(-1, L, -1))
    assert torch.equal(walks.state.start_ws, walks.state.ws)
    assert [latent_targets.KINDS[kind] for kind in walks.kinds.tolist()] == [code.kind for code in read_codes(walks.codes)]
    assert (walks.phase % 1).tolist() == pytest.approx([code.phase for code in read_codes(walks.codes)], abs=1e-5)
    assert set(walks.state.hidden) == {"clock"}
    assert torch.equal(walks.blend_from, latents)
    assert walks.blend.tolist() == [1.0] * 6


def test_short_walks_stand_on_the_way_a_little_astray(answers):
    kinds, envelope = torch.arange(9).repeat(60), torch.rand(540)
    walks = walker_warmup._somewhere(answers, kinds, envelope, L, np.random.default_rng(1))
    assert torch.equal(walks.kinds, kinds)
    assert 0.3 < (walks.blend == 1).float().mean() < 0.45  # 0.6 of 1.6
    assert (walks.blend.min(), walks.blend.max()) >= (0, 1)
    there = answers.generator.mapping(write_codes(walks.codes, kind=kinds, envelope=envelope, phase=walks.phase))[:, 0]
    here = walks.blend_from + (3 * walks.blend**2 - 2 * walks.blend**3)[:, None] * (there - walks.blend_from)
    away = (walks.state.ws - here[:, None]) / (0.3 * answers.w_scale)
    assert away.square().mean().sqrt().item() == pytest.approx(3**-0.5, rel=0.1)  # 0 to 0.3 deviations, evenly
    shared = away.mean(1).square().mean() / away.square().mean()
    assert shared.item() == pytest.approx(0.5 + 0.5 / L, rel=0.1)  # half of it moves all latents together
    assert abs(torch.corrcoef(away[:, :, :2].flatten(0, 1).T)[0, 1]) < 0.1  # every number of a latent by itself
    assert torch.equal(walks.state.start_ws, walks.blend_from[:, None].expand(-1, L, -1))
    assert (walks.phase.min() < 0.05, walks.phase.max() > 0.95) == (True, True)


def test_short_walks_stand_where_their_first_moment_leads_and_hear_what_comes_then(answers, monkeypatch):
    """Of sounds of one kind whose envelope rises: each walk's latent is that of the first moment it hears."""
    windows = np.zeros((9, 12, 64, 64), np.uint8)
    pool = SoundPool(windows, np.arange(9), np.tile(np.linspace(0, 1, 12, dtype=np.float32), (9, 1)))
    placed, somewhere = [], walker_warmup._somewhere
    monkeypatch.setattr(walker_warmup, "_somewhere", lambda *given: placed.append(given) or somewhere(*given))
    lessons = walker_warmup._Lessons(answers, walker_warmup.TODAY, TINY_WORLD.walker, np.random.default_rng(0), None, chunk=6)
    lessons.clips, lessons.silence = [walker_warmup._Clips.of(pool, torch.zeros(9, 12, L, D))], torch.zeros(L, D)
    walks, audio, envelopes = lessons.next(0.0)
    assert (lessons.length, audio.shape, envelopes.shape) == ("short", (240, 5, L, D), (240, 5))
    ((_, kinds, first, num_ws, _),) = placed
    assert (num_ws, torch.equal(kinds, walks.kinds), torch.equal(first, envelopes[:, 0])) == (L, True, True)
    rises = envelopes[envelopes[:, -1] > 0]  # the others are silent
    assert (rises.diff(dim=1) - 1 / 11).abs().max() < 1e-6


# ---- walks that begin anew


def long_walks(answers, num=40):
    walks = walker_warmup._fresh(answers, num, L, np.random.default_rng(4))
    hidden = {"coarse": torch.ones(2, num, 5), "clock": torch.full((1, num, 1), 9.0)}
    walks.state = WalkState(answers.centre + 0.1 * torch.randn(num, L, D), walks.state.start_ws, hidden, 7)
    walks.blend = torch.full((num,), 0.5)
    return walks


def test_lost_walks_begin_anew_and_the_others_go_on(answers):
    walks = long_walks(answers)
    walks.state.ws[3] += 1.9 * answers.w_scale * 3
    walks.state.ws[5, 2] = float("nan")
    after = walker_warmup._restart_some(walks, answers, L, 0.0, np.random.default_rng(5))
    anew = torch.zeros(40, dtype=torch.bool)
    anew[[3, 5]] = True
    assert torch.equal(after.blend == 1, anew)
    assert torch.equal(after.phase != 9, anew)
    assert (after.phase[anew] % 1).tolist() == pytest.approx([code.phase for code in read_codes(after.codes[anew])], abs=1e-5)
    assert torch.equal(after.state.hidden["coarse"].amax((0, 2)) == 0, anew)
    assert torch.equal(after.state.ws[~anew], walks.state.ws[~anew])
    torch.testing.assert_close(after.state.ws[anew], after.state.start_ws[anew])
    assert torch.equal(after.state.start_ws[~anew], walks.state.start_ws[~anew])
    torch.testing.assert_close(after.state.ws[anew][:, 0], answers.generator.mapping(after.codes[anew])[:, 0])
    assert torch.equal(after.codes[~anew], walks.codes[~anew])
    assert torch.equal(after.kinds, torch.where(anew, after.codes[:, :9].argmax(1), walks.kinds))
    assert after.state.num_steps == 1


def test_a_share_of_walks_begins_anew(answers):
    after = walker_warmup._restart_some(long_walks(answers, 400), answers, L, 0.25, np.random.default_rng(6))
    assert 0.18 < (after.blend == 1).float().mean() < 0.32
    assert float(distance_out(after.state.ws, answers.centre, answers.w_scale).max()) < 10


def test_walks_survive_a_state_file(answers):
    walks = long_walks(answers)
    plain = walks.to_plain()
    again = walker_warmup._Walks.from_plain(plain)
    assert again.state.num_steps == 7
    for name in ("codes", "kinds", "blend_from", "blend", "phase"):
        assert torch.equal(getattr(again, name), getattr(walks, name)), name
    assert torch.equal(again.state.ws, walks.state.ws)
    assert torch.equal(again.state.start_ws, walks.state.start_ws)
    assert torch.equal(again.state.hidden["coarse"], walks.state.hidden["coarse"])
    assert "ws" in plain  # what was handed in stays as it is


# ---- what walks hear


def test_a_chunk_is_a_stretch_of_a_clip_with_its_envelope(answers):
    heard = (torch.arange(9.0)[:, None] * 20 + torch.arange(12.0))[:, :, None, None].expand(-1, -1, L, D).bfloat16()
    envelopes = (np.arange(9)[:, None] * 20 + np.arange(12)).astype(np.float32)
    clips = [walker_warmup._Clips.of(SoundPool(np.zeros((9, 12, 4, 4), np.uint8), np.arange(9), envelopes), heard)]
    now = torch.arange(9).repeat(40)
    silence = torch.full((L, D), -5.0).bfloat16()
    audio, shown, kinds = walker_warmup._walker_batch(clips, silence, now, 4, np.random.default_rng(7), doubt=walker_warmup._Doubt(answers, 0.0))
    silent = audio[:, 0, 0, 0] == -5
    assert 0.02 < silent.float().mean() < 0.09
    assert not shown[silent].any()
    assert torch.equal(kinds[silent], now[silent])
    assert torch.equal(audio[~silent][:, :, 0, 0].float(), shown[~silent])
    assert torch.equal((shown[~silent][:, 0] // 20).long(), kinds[~silent])
    assert (shown[~silent].diff(dim=1) == 1).all()
    assert set((shown[~silent][:, 0] % 20).long().tolist()) == set(range(9))  # any stretch that fits
    assert 0.66 < (kinds == now)[~silent].float().mean() < 0.82  # 0.7, and one in nine of the rest


def test_of_several_pools_the_first_is_heard_four_times_of_five(answers):
    def clips(number):
        pool = SoundPool(np.zeros((9, 6, 4, 4), np.uint8), np.arange(9), np.zeros((9, 6), np.float32))
        return walker_warmup._Clips.of(pool, torch.full((9, 6, L, D), float(number)).bfloat16())

    silence = torch.full((L, D), -5.0).bfloat16()
    doubt, now = walker_warmup._Doubt(answers, 0.0), torch.arange(9).repeat(60)
    audio, _, _ = walker_warmup._walker_batch([clips(n) for n in range(3)], silence, now, 4, np.random.default_rng(7), doubt=doubt)
    heard = audio[:, 0, 0, 0]
    shares = [(heard[heard >= 0] == n).float().mean().item() for n in range(3)]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.05)


class Drawn:
    """Random numbers that are known, and the bounds in which they were wanted."""

    def __init__(self, *numbers):
        self.numbers, self.bounds = list(numbers), []

    def dirichlet(self, alpha):
        assert alpha.tolist() == [0.5] * 9
        return np.array([0.5, 0.3, 0.2, 0, 0, 0, 0, 0, 0])

    def uniform(self, low, high):
        self.bounds += [low, high]
        return self.numbers.pop(0)

    def random(self):
        return self.numbers.pop(0)


def test_doubt_wavers_between_its_own_kind_and_others_of_the_same_strength(answers):
    """0.4 of the way to three parts of kind 1 and two of kind 2, half as much again at the height of a wave of eight steps that begins at it."""
    envelopes, rng = torch.linspace(0, 1, 10), Drawn(0.4, 0.25, 0.125, 0.5)
    added = walker_warmup._doubt(answers, 0, envelopes, rng)
    assert rng.bounds == pytest.approx([0, 0.95 / 1.6, 0.02, 0.25, 0, 0.6])
    wave = 0.4 * (1 + 0.5 * torch.cos(2 * math.pi * torch.arange(10) / 8))
    own, first, second = (answers.offset(torch.full((10,), kind), envelopes) for kind in range(3))
    torch.testing.assert_close(added[:, 0], wave[:, None] * (0.6 * first + 0.4 * second - own), atol=1e-5, rtol=1e-4)


def huber(found, wanted, delta):
    return torch.nn.functional.huber_loss(found, wanted, delta=delta) / delta


def test_errors_are_means_over_steps_and_strength_and_circle_count_where_walks_have_arrived(answers, monkeypatch):
    monkeypatch.setattr(walker_warmup, "fast_bfloat16", lambda: False)
    walker, envelopes = build_walker(TINY_WORLD.walker), torch.rand(2, 3)
    rate = TINY_WORLD.walker.walk_rate
    audio = 0.1 * torch.randn(2, 3, L, D, generator=torch.Generator().manual_seed(6))
    lessons = walker_warmup._Lessons(answers, walker_warmup.TODAY, TINY_WORLD.walker, np.random.default_rng(0), None, chunk=3)
    with torch.no_grad():
        loss, strength, turning = lessons.errors(walker, walks_at(answers, [0.1, 1.0]), audio, envelopes)
        begun = lessons_begin(answers, walker, np.random.default_rng(0)) + 1  # no circle is known yet
        walks, far, apart, off, slow = walks_at(answers, [0.1, 1.0]), [], [], [], []
        for t in range(3):
            before = walks.phase
            walks.state = take_step(walker, walks.state, audio[:, t], WalkSettings())
            # 0.08 turns a second of silence, 0.45 of the strongest
            slow.append(huber((walks.phase - before) * rate, 0.08 + 0.37 * envelopes[:, t], 0.05))
            wanted = walker_warmup._where_to(walks, answers, envelopes[:, t], rate)
            far.append(huber((walks.state.ws - wanted.latents[:, None]) / answers.w_scale, torch.zeros(2, L, D), 0.3))
            # The first is still on its way, so of two walks one counts; its place on the circle is two numbers.
            apart.append(huber(answers.envelope(walks.state.ws)[1:], envelopes[1:, t], 0.2) / 2)
            off.append(huber(wanted.circle.place(walks.state.ws)[1:], wanted.place[1:], 0.1) * 2 / 2)
    assert float(loss) == pytest.approx(float(torch.stack(far).mean()), rel=1e-4)
    assert float(strength) == pytest.approx(float(torch.stack(apart).mean()), rel=1e-4)
    assert float(turning) == pytest.approx(float(begun + torch.stack(off).mean() + torch.stack(slow).mean()), rel=1e-3)


def lessons_begin(answers, walker, rng):
    """How far the clock's beginning is from the phases that are drawn for the codes of two walks."""
    phase = torch.from_numpy(rng.random(2)).float()
    starts = (answers.generator.mapping(write_codes(answers.codes[:2], phase=phase))[:, 0] - answers.centre) / answers.w_scale
    return huber(walker.clock.begin(starts), torch.stack([(2 * math.pi * phase).cos(), (2 * math.pi * phase).sin()], 1), 0.1)


def test_the_clock_learns_its_speed_and_its_beginning_from_the_teacher(answers):
    """All of it gets gradients from the error of the turning alone; the latents don't pull at the clock."""
    torch.manual_seed(0)  # where the errors of two beginnings have other signs, they pull at their bias not at all
    walker = build_walker(TINY_WORLD.walker)
    torch.nn.init.normal_(walker.clock.circle[-1].weight, generator=torch.Generator().manual_seed(0))
    lessons = walker_warmup._Lessons(answers, walker_warmup.TODAY, TINY_WORLD.walker, np.random.default_rng(0), None, chunk=3)
    loss, strength, turning = lessons.errors(walker, walks_at(answers, [1.0, 1.0]), torch.zeros(2, 3, L, D), torch.rand(2, 3))
    clock = list(walker.clock.parameters())
    assert all(part is None for part in torch.autograd.grad(loss + strength, clock, retain_graph=True, allow_unused=True))
    gradients = torch.autograd.grad(turning, clock)
    assert [name for (name, _), part in zip(walker.clock.named_parameters(), gradients, strict=True) if not part.abs().max() > 0] == []


@pytest.mark.parametrize(("part", "off"), [(0.0, 1.0), (1.0, 0.0), (0.5, 0.25), (-1.0, 4.0)])
def test_how_far_a_clocks_circles_are_from_those_of_scenes(answers, monkeypatch, part, off):
    """A part of the right circles is as far off as its square; it's asked at latents up to 0.3 deviations from the scene's own."""
    walker, drawn = build_walker(TINY_WORLD.walker), {}

    def draw(codes, **said):
        drawn.setdefault("codes", write_codes(codes, **said))
        return write_codes(codes, **said)

    def circle(stands):
        there = answers.generator.mapping(drawn["codes"])[:, 0]
        drawn["astray"] = stands - (there - answers.centre) / answers.w_scale
        right = answers.circle(drawn["codes"], *drawn["said"])
        return part * torch.cat([right.cosine, right.sine], 1) / answers.w_scale

    wanted = latent_targets.LatentTargets.circle
    monkeypatch.setattr(latent_targets.LatentTargets, "circle", lambda self, codes, *said: drawn.update(said=said) or wanted(self, codes, *said))
    monkeypatch.setattr(walker_warmup, "write_codes", draw)
    monkeypatch.setattr(walker.clock.circle, "forward", circle)
    lessons = walker_warmup._Lessons(answers, walker_warmup.TODAY, TINY_WORLD.walker, np.random.default_rng(0), None, chunk=3)
    assert float(lessons._way_round(walker)) == pytest.approx(off, abs=1e-4)
    assert drawn["astray"].square().mean().sqrt().item() == pytest.approx(0.3 * 3**-0.5, rel=0.1)
    kinds, envelopes = drawn["said"]
    read = read_codes(drawn["codes"])
    assert [latent_targets.KINDS[kind] for kind in kinds.tolist()] == [code.kind for code in read]
    assert envelopes.tolist() == pytest.approx([code.envelope for code in read], abs=0.02)
    phases = [code.phase for code in read]
    assert (len(read), min(phases) < 0.05, max(phases) > 0.95, len(set(kinds.tolist()))) == (512, True, True, 9)


def test_a_walker_without_a_clock_is_refused(answers, tmp_path):
    config = dataclasses.replace(TINY_WORLD.walker, clock=False)
    with pytest.raises(ConfigError, match="walker clock: got False"):
        walker_warmup.train_walker(tmp_path, answers, build_sound_encoder(ENCODER), [pool_of()], config, minutes=1)


def test_settings_of_the_warm_up_that_cannot_be_are_told():
    wrong = {"encoder_share": 1.1, "silent_share": -0.1, "shortened_share": 2, "small_speaker_share": 2, "short_share": -1, "restarts": 1.5,
             "doubt_share": 1.1, "encoder_lr": 0, "walker_lr": 2, "encoder_batch": 0, "walker_batch": 0, "chunk": 0, "short_clips": -1,
             "walker_clips": -1, "pool_seconds": 0.5, "envelope_weight": -1, "phase_weight": -1}  # fmt: skip
    for name, value in [*wrong.items(), ("chunk", 100_001), ("short_clips", 10**7 + 1), ("pool_seconds", 600.5)]:
        with pytest.raises(ConfigError, match=f"walk {name}: got"):
            walker_warmup.WalkTraining(**{name: value})
    least = {"encoder_batch": 1, "walker_batch": 1, "chunk": 1, "short_clips": 0, "walker_clips": 0, "encoder_share": 0, "restarts": 0}
    most = {"encoder_batch": 100_000, "walker_clips": 10**7, "pool_seconds": 600, "encoder_share": 1, "walker_lr": 1, "envelope_weight": 1e6,
            "phase_weight": 1e6}  # fmt: skip
    for fine in (least, most):
        walker_warmup.WalkTraining(**fine)
    assert (walker_warmup.TODAY.short_clips, walker_warmup.TODAY.walker_clips) == (0, 0)  # none more, and all


def test_clips_of_a_pool_by_their_kinds():
    pool = SoundPool(np.zeros((4, 2, 4, 4), np.uint8), np.array([2, 0, 2, 2]), np.zeros((4, 2), np.float32))
    found = walker_warmup._Clips.of(pool, torch.zeros(4))
    assert {kind: some.tolist() for kind, some in found.of_kind.items()} == {0: [1], 2: [0, 2, 3]}


# ---- the trainings themselves, a few steps of each


@pytest.fixture
def steps(monkeypatch):
    """Runs count steps instead of minutes."""

    def run(path, parts, *, config, minutes, **more):
        return Run(path, parts, config=config, num_steps=int(minutes), **more)

    monkeypatch.setattr(encoder_warmup, "Run", run)
    monkeypatch.setattr(walker_warmup, "Run", run)


def pool_of(num_steps=12):
    windows = np.random.default_rng(8).integers(0, 256, (9, num_steps, 64, 64)).astype(np.uint8)
    return SoundPool(windows, np.arange(9), np.random.default_rng(9).random((9, num_steps)).astype(np.float32))


HEAVY = walker_warmup.WalkTraining(envelope_weight=3.0, phase_weight=2.0)
ENCODER = dataclasses.replace(TINY_WORLD.sound_encoder, texture_reach=0.0)


@pytest.fixture
def made_small(monkeypatch):
    """What the trainings make small, and the distances that it's made of."""
    totals, distances = [], []
    backward, distance = torch.Tensor.backward, torch.nn.functional.smooth_l1_loss

    def far(one, other, **how):
        found = distance(one, other, **how)
        distances.append((one.detach().clone(), other.detach().clone(), found.detach()))
        return found

    monkeypatch.setattr(torch.Tensor, "backward", lambda self, *given: totals.append(self.item()) or backward(self, *given))
    monkeypatch.setattr(encoder_warmup.F, "smooth_l1_loss", far)
    return totals, distances


@pytest.mark.slow
def test_e_a_makes_the_distance_of_offsets_and_of_strengths_small(answers, steps, tmp_path, monkeypatch, made_small):
    monkeypatch.setattr(encoder_warmup, "_NUM_MEASURED", 20)
    totals, distances = made_small
    encoder = encoder_warmup.warm_up_encoder(tmp_path, answers, [(pool_of(), 1.0)], ENCODER, TINY_WORLD.mel, minutes=2, batch=6, training=HEAVY)
    assert len(totals) == 2
    for total, (offsets, wanted, apart), (heard, meant, stronger) in zip(totals, distances[::2], distances[1::2], strict=True):
        assert float(apart) == pytest.approx(float(torch.nn.functional.huber_loss(offsets, wanted, delta=0.5) / 0.5), rel=1e-4)
        assert float(stronger) == pytest.approx(float(torch.nn.functional.huber_loss(heard, meant, delta=0.2) / 0.2), rel=1e-4)
        assert offsets.shape == wanted.shape == (6, L, D)
        assert heard.shape == meant.shape == (6,)
        assert total == pytest.approx(float(apart) + 3.0 * float(stronger), rel=1e-5)
        assert torch.equal(wanted[:, 0], wanted[:, -1])
        kinds = torch.cdist(wanted[:, 0] * answers.w_scale, answers.offsets.flatten(0, 1)).argmin(1) // 9
        torch.testing.assert_close(heard, answers.strength(offsets * answers.w_scale, kinds), atol=1e-3, rtol=1e-2)
        torch.testing.assert_close(meant, answers.strength(wanted * answers.w_scale, kinds), atol=1e-3, rtol=1e-2)
    assert read_state(tmp_path / "sound_encoder.state")["step"] == 2
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert (tmp_path / "sound_encoder.safetensors").exists()


def rates(lr, num_warming, num_steps):
    """Of the steps of a run: they rise over `num_warming` steps, and fall as a half cosine."""
    return [lr * (step + 1) / num_warming * (0.5 + 0.5 * math.cos(math.pi * step / num_steps)) for step in range(num_steps)]


@pytest.mark.slow
def test_both_rates_rise_and_fall_and_gradients_are_no_longer_than_one(answers, steps, tmp_path, monkeypatch, updates):
    monkeypatch.setattr(encoder_warmup, "_NUM_MEASURED", 20)
    monkeypatch.setattr(walker_warmup, "_SHORT_BATCH", 8)
    steep = walker_warmup.WalkTraining(envelope_weight=1e5)
    encoder = encoder_warmup.warm_up_encoder(tmp_path, answers, [(pool_of(), 1.0)], ENCODER, TINY_WORLD.mel, minutes=3, batch=6, training=steep)
    assert [lr for lr, _ in updates] == pytest.approx(rates(2e-3, 50, 3))
    walker_warmup.train_walker(tmp_path, answers, encoder, [pool_of()], TINY_WORLD.walker, minutes=3, batch=4, chunk=6, training=steep)
    assert [lr for lr, _ in updates[3:]] == pytest.approx(rates(2e-3, 100, 3))
    assert [norm for _, norm in updates] == pytest.approx([1.0] * 6, abs=1e-3)


@pytest.mark.slow
def test_a_new_e_a_is_drawn_by_its_seed_and_measures_its_texture_and_a_known_one_keeps_its_own(answers, steps, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder_warmup, "_NUM_MEASURED", 20)
    measured, measure = [], encoder_warmup.measure_norms
    monkeypatch.setattr(encoder_warmup, "measure_norms", lambda net, log_mels: measured.append(log_mels) or measure(net, log_mels))

    def trained(name, pool_seed=8, **more):
        (tmp_path / name).mkdir()
        torch.manual_seed(pool_seed)
        return encoder_warmup.warm_up_encoder(tmp_path / name, answers, [(pool_of(), 1.0)], ENCODER, TINY_WORLD.mel, minutes=1, batch=2, **more)

    one, same, other = (trained(f"{number}", number, seed=seed).state_dict() for number, seed in enumerate((4, 4, 5)))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())
    assert [log_mels.shape for log_mels in measured] == [(20, 1, 64, 64)] * 3
    begun = tmp_path / "0" / "sound_encoder.safetensors"
    kept = trained("known", seed=6, init_from=begun, training=walker_warmup.WalkTraining(encoder_init_share=1.0)).state_dict()
    assert len(measured) == 3
    known = load_sound_encoder(begun)[0].state_dict()
    assert all(torch.equal(value, known[name]) for name, value in kept.items())
    near = trained("near", seed=6, init_from=begun).state_dict()
    moved = max(float((value - known[name]).abs().max()) for name, value in near.items())
    assert 0 < moved < 1e-3  # one step of 2e-3 / 50 from there


@pytest.mark.slow
def test_the_walker_makes_the_distance_of_latents_shown_strengths_and_phases_small(answers, steps, tmp_path, monkeypatch, made_small):
    """What its latents show against what was heard, where a walk has arrived; both short and long walks."""
    monkeypatch.setattr(walker_warmup, "_SHORT_BATCH", 24)
    totals, distances = made_small
    noted, note = [], Run.note
    monkeypatch.setattr(Run, "note", lambda self, **values: noted.append(values) or note(self, **values))
    around, way_round = [], walker_warmup._Lessons._way_round
    monkeypatch.setattr(walker_warmup._Lessons, "_way_round", lambda self, walker: around.append(way_round(self, walker)) or around[-1])
    encoder = build_sound_encoder(ENCODER).eval().requires_grad_(False)
    walker = walker_warmup.train_walker(tmp_path, answers, encoder, [pool_of()], TINY_WORLD.walker, minutes=5, batch=8, chunk=6, training=HEAVY)
    assert len(totals) == len(noted) == 5
    for total, values, num_steps, num_walks in zip(totals, noted, (5, 5, 5, 6, 6), (24, 24, 24, 8, 8), strict=True):
        assert total == pytest.approx(values["loss"] + 3.0 * values["envelope"] + 2.0 * values["phase"], rel=1e-5)
        begun, own, distances = distances[0][2] + around.pop(0).detach(), distances[1 : 1 + 4 * num_steps], distances[1 + 4 * num_steps :]
        assert [tuple(one.shape) for one, _, _ in own] == [(num_walks, L, D), (num_walks,), (num_walks, 2), (num_walks,)] * num_steps
        latents, strengths, places, speeds = (torch.stack([found.mean() for _, _, found in own[place::4]]).mean() for place in range(4))
        assert values["loss"] == pytest.approx(float(latents), rel=1e-4)
        assert 0 < values["envelope"] <= float(strengths) + 1e-6  # some walks haven't arrived
        assert float(begun + speeds) < values["phase"] <= float(begun + speeds + 2 * places) + 1e-6
    assert not distances
    torch.testing.assert_close(walker.centre, answers.centre, atol=1e-3, rtol=1e-2)
    assert walker.scale.item() == pytest.approx(answers.w_scale, rel=1e-2)
    assert set(read_state(tmp_path / "walker.state")["extra"]["walks"]["hidden"]) == {"coarse", "mid", "fine", "clock"}
    assert not walker.training
