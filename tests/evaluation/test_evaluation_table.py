"""The judge's table: what makes a film right, what it's held against, how the rows come about; on films whose content is known."""

import copy
import dataclasses
import math
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from sgvg_core.assembly import SoundModel, build_judge, build_model
from sgvg_core.clock import num_frames
from sgvg_core.config import JudgeConfig
from sgvg_core.errors import ConfigError
from sgvg_core.evaluation.judged import evaluate, long_walk
from sgvg_core.evaluation.judged import table as tables
from sgvg_core.evaluation.judged.table import (
    ROWS,
    Film,
    Films,
    HeldOutClip,
    held_out_clip,
    held_out_clips,
    held_out_seed,
    judge_film,
    rendered_frames,
)
from sgvg_core.evaluation.statistics import bootstrap, fine_detail, frechet_distance
from sgvg_core.generation import Sound, Walk, analyse_sound
from sgvg_core.generation.render import synthesize, to_uint8
from sgvg_core.generation.seeded_start import draw_z, random_start
from sgvg_core.generation.sound_embedding import embed_sound
from sgvg_core.judge import Judge, Verdict
from sgvg_core.presets import TINY, TINY_WORLD
from sgvg_core.walker import DEFAULT_PULL, WalkSettings
from sgvg_core.world import KINDS, make_envelope, render, synth
from sgvg_core.world.clip import PHASE_RATES
from sgvg_core.world.codes import draw_codes, read_codes

FPS = 12.0
FLOOR = "films under other sounds (floor)"


class ColourJudge(torch.nn.Module):
    """A judge of plain pictures: red says the kind (20 levels each), green how sure it is, blue the strength."""

    def forward(self, images: torch.Tensor) -> Verdict:
        red, green, blue = ((images.mean((2, 3)) + 1) * 127.5).round().unbind(1)
        logits = torch.nn.functional.one_hot((red / 20).long().clamp(max=8), 9) * (green / 25)[:, None]
        features = torch.stack([red / 20, blue / 255, torch.arange(len(red)) % 5.0], 1)
        return Verdict(logits, blue / 255, features)


def coloured(kinds: Any, strengths: Any, sure: int = 255) -> torch.Tensor:
    """Frames uint8 [T, 4, 4, 3] that `ColourJudge` reads so."""
    levels = [[20 * int(kind) + 10, sure, round(255 * float(strength))] for kind, strength in zip(kinds, strengths, strict=True)]
    frames = torch.tensor(levels, dtype=torch.uint8)[:, None, None].repeat(1, 4, 4, 1)
    frames[:, ::2, ::2, 0] += 3  # fine detail that the mean colour doesn't show
    frames[:, 1::2, 1::2, 0] -= 3
    return frames


def curve(num: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(num)


@pytest.fixture(scope="module")
def model() -> SoundModel:
    """A model whose codes the world can read, with a small joint space; half a second of sound moves these random weights to be seen."""
    space = dataclasses.replace(
        TINY_WORLD.joint_space, embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, sound_widths=(8, 8)
    )
    return build_model(dataclasses.replace(TINY_WORLD, joint_space=space, walker=TINY.walker), seed=1)


@pytest.fixture(scope="module")
def judge() -> Judge:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build_judge(JudgeConfig(image_size=16, widths=(8, 8), labels=KINDS)).eval().requires_grad_(False)


# ---- one film


def test_a_film_is_right_by_its_mean_verdict_not_by_any_frame() -> None:
    some_right = coloured([3] * 4 + [5] * 8, curve(12))
    assert not judge_film(ColourJudge(), some_right, 3, curve(12), FPS).right
    assert judge_film(ColourJudge(), some_right, 5, curve(12), FPS).right
    few_but_sure = torch.cat([coloured([3] * 4, [0.5] * 4), coloured([5] * 8, [0.5] * 8, sure=25)])
    assert judge_film(ColourJudge(), few_but_sure, 3, curve(12), FPS).right  # the mean of probabilities, not a vote
    assert not judge_film(ColourJudge(), few_but_sure, 5, curve(12), FPS).right
    assert isinstance(judge_film(ColourJudge(), few_but_sure, 5, curve(12), FPS).right, bool)


def test_when_a_film_begins_to_be_right_is_told_in_seconds() -> None:
    kinds = [2, 7, 2, 2, 7, 7, 7, 7, 7, 7, 7, 7]
    assert judge_film(ColourJudge(), coloured(kinds, curve(12)), 7, curve(12), FPS).seconds_until_right == pytest.approx(4 / 12)
    assert judge_film(ColourJudge(), coloured(kinds, curve(12)), 7, curve(12), 8.0).seconds_until_right == pytest.approx(4 / 8)
    assert judge_film(ColourJudge(), coloured(kinds, curve(12)), 4, curve(12), FPS).seconds_until_right == math.inf


@pytest.mark.parametrize("late", [-3, -1, 0, 2, 3])
def test_the_strength_is_held_against_the_envelope_at_the_best_lag(late: int) -> None:
    true = curve(60)
    found = judge_film(ColourJudge(), coloured([1] * 60, np.roll(true, late)), 1, true, FPS)
    assert found.lag_seconds == pytest.approx(late / 12)
    assert found.correlation == pytest.approx(1, abs=1e-3)


def test_a_lag_beyond_three_tenths_of_a_second_isnt_found() -> None:
    true = curve(60)
    assert judge_film(ColourJudge(), coloured([1] * 60, np.roll(true, 4)), 1, true, FPS).correlation < 0.6
    assert judge_film(ColourJudge(), coloured([1] * 60, np.roll(true, 4)), 1, true, 14.0).correlation == pytest.approx(1, abs=1e-3)


def test_a_film_and_an_envelope_of_unlike_lengths_are_compared_as_far_as_both_go() -> None:
    true = curve(40)
    for frames, envelope in ((coloured([1] * 30, true[:30]), true), (coloured([1] * 40, true), true[:30])):
        assert judge_film(ColourJudge(), frames, 1, envelope, FPS).correlation == pytest.approx(1, abs=1e-3)


def test_detail_and_features_of_a_film() -> None:
    frames = torch.randint(0, 256, (10, 8, 8, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = judge_film(ColourJudge(), frames, 1, curve(10), FPS)
    assert found.detail == fine_detail(frames)
    assert found.features.shape == (3, 3)  # of every fourth frame
    assert np.array_equal(found.features[:, 2], [0, 4, 3])


# ---- the held-out clips


def test_held_out_clips_go_through_all_kinds_and_are_the_same_alone() -> None:
    clips = list(held_out_clips(10, 2, 0.5, FPS))
    assert [clip.kind for clip in clips] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert [clip.seed for clip in clips] == [900_000_000 + 2 * 1_000_003 + index for index in range(10)]
    assert held_out_seed(4, 3) == 900_000_000 + 3 * 1_000_003 + 4
    alone = held_out_clip(9, 2, 0.5, FPS)
    assert torch.equal(alone.waveform, clips[9].waveform)
    assert alone.waveform.shape == (int(0.5 * 22_050),)
    assert np.array_equal(alone.envelope, clips[9].envelope)


def test_a_held_out_clip_and_its_envelope_have_one_cause() -> None:
    clip = held_out_clip(3, 1, 1.3, FPS)
    slow = make_envelope(KINDS[3], clip.seed, 1.3, 100)
    fine = np.interp(np.arange(int(1.3 * 22_050)) / 22_050, np.arange(len(slow)) / 100, slow).astype(np.float32)
    assert np.array_equal(clip.waveform.numpy(), synth(KINDS[3], clip.seed, fine, 22_050))
    assert len(clip.envelope) == math.ceil(1.3 * 12)
    assert np.allclose(clip.envelope, np.interp(np.arange(16) / 12, np.arange(len(slow)) / 100, slow))


def test_rendered_frames_show_one_scene_of_the_clips_kind_with_its_envelope_and_a_phase_that_runs_with_it() -> None:
    clip = held_out_clip(5, 0, 0.5, FPS)
    scene = read_codes(draw_codes(clip.seed, 1))[0].scene
    frames = rendered_frames(clip, FPS, 24)
    assert frames.shape == (6, 24, 24, 3)
    slow, fast = PHASE_RATES
    phase = np.concatenate([[0], np.cumsum(slow + (fast - slow) * clip.envelope[:-1]) / 12]) % 1
    for image, envelope, turn in zip(frames.numpy(), clip.envelope, phase, strict=True):
        wanted = render(KINDS[5], scene, float(np.clip(envelope, 0.015, 0.985)), float(turn), 24)
        assert np.abs(image.astype(int) - wanted.astype(int)).mean() < 0.5


# ---- the ways to make a film


@pytest.fixture(scope="module")
def clip() -> HeldOutClip:
    return held_out_clip(4, 0, 0.5, FPS)


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight candidates for a start instead of 192."""
    monkeypatch.setattr(tables, "_NUM_CANDIDATES", 8)


@pytest.fixture
def films(model: SoundModel) -> Films:
    return Films(model, FPS, seed=3)


def walked(model: SoundModel, waveform: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
    """The film of a sound from a start latent, as `generate` makes it."""
    walk = Walk(analyse_sound(Sound.from_waveform(waveform[None], 22_050), model.mel), model.sound_encoder, model.walker, start, Fraction(12))
    return torch.cat([to_uint8(some) for some in synthesize(model.generator, walk)])


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Frames that differ by rounding at most."""
    return one.shape == other.shape and int((one.int() - other.int()).abs().max()) <= 1


@pytest.mark.slow
def test_films_of_the_sound_and_of_silence_start_at_the_same_random_latent(model: SoundModel, films: Films, clip: HeldOutClip) -> None:
    start = random_start(model.generator, 3 + clip.seed)
    assert same(films.random_start(clip), walked(model, clip.waveform, start))
    assert same(films.silence(clip), walked(model, torch.zeros_like(clip.waveform), start))
    assert not same(films.random_start(clip), films.silence(clip))


@pytest.mark.slow
def test_a_sound_that_is_no_scene_leads_nowhere_as_in_every_film(model: SoundModel, clip: HeldOutClip) -> None:
    space = copy.copy(model.joint_space)
    space.labels, space.sure_from = KINDS, 1.0  # no sound is as sure as that
    films = Films(dataclasses.replace(model, joint_space=space), FPS, seed=3)
    start, heard = random_start(model.generator, 3 + clip.seed), analyse_sound(Sound.from_waveform(clip.waveform[None], 22_050), model.mel)
    still = Walk(heard, model.sound_encoder, model.walker, start, Fraction(12), stays=True)
    assert same(films.random_start(clip), torch.cat([to_uint8(some) for some in synthesize(model.generator, still)]))
    assert not same(films.random_start(clip), walked(model, clip.waveform, start))


def test_known_codes_are_painted_by_the_generator(model: SoundModel, films: Films, clip: HeldOutClip) -> None:
    codes = tables.code_path(clip, FPS)
    assert [code.kind for code in read_codes(codes)] == [KINDS[4]] * 6
    images = torch.cat(list(synthesize(model.generator, [model.generator.mapping(codes)])))
    assert same(films.known_codes(clip), to_uint8(images))
    assert torch.equal(films.rendered(clip), rendered_frames(clip, FPS, 32))


def test_films_of_another_size_are_held_against_renders_of_that_size(model: SoundModel, clip: HeldOutClip) -> None:
    whole, half = Films(model, FPS, 3), Films(model, FPS, 3, size=16)
    assert torch.equal(half.rendered(clip), rendered_frames(clip, FPS, 16))
    assert [film.shape for film in (whole.known_codes(clip), half.known_codes(clip))] == [(6, 32, 32, 3), (6, 16, 16, 3)]


def test_the_chosen_start_is_the_nearest_of_the_candidates(model: SoundModel, films: Films, clip: HeldOutClip) -> None:
    space = model.joint_space
    candidates = random_start(model.generator, 3, num_codes=8)
    images = torch.cat([space.embed_images(some) for some in synthesize(model.generator, [candidates])])
    heard = analyse_sound(Sound.from_waveform(clip.waveform[None], 22_050), model.mel)
    nearest = (images @ embed_sound(model, heard).mean(0)).argmax()
    assert same(films.chosen_start(clip), walked(model, clip.waveform, candidates[nearest][None]))
    said = (images @ space.embed_texts([KINDS[4]])[0]).argmax()
    (still,) = synthesize(model.generator, [candidates[said][None]])
    assert same(films.text_alone(clip), to_uint8(still).expand(6, -1, -1, -1))
    looked_at = films._candidates
    films.text_alone(clip)
    assert films._candidates is looked_at  # once for all clips


def test_without_a_joint_space_no_start_can_be_chosen(model: SoundModel, clip: HeldOutClip) -> None:
    with pytest.raises(ConfigError, match="choosing a start needs a joint space"):
        Films(dataclasses.replace(model, joint_space=None), FPS, 0).text_alone(clip)


# ---- the table


def shows(clip: HeldOutClip) -> torch.Tensor:
    """A film that is right in every frame."""
    return coloured([clip.kind] * len(clip.envelope), clip.envelope)


@pytest.fixture
def painted(model: SoundModel, monkeypatch: pytest.MonkeyPatch) -> SoundModel:
    """Every way to make a film paints colours: all right, but for the text alone (never moves) and silence (always the first kind)."""
    for name in ("rendered", "known_codes", "random_start", "chosen_start"):
        monkeypatch.setattr(Films, name, lambda self, clip: shows(clip))
    monkeypatch.setattr(Films, "text_alone", lambda self, clip: coloured([clip.kind] * len(clip.envelope), [0.5] * len(clip.envelope)))
    monkeypatch.setattr(Films, "silence", lambda self, clip: coloured([0] * len(clip.envelope), clip.envelope[::-1]))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_the_floor_is_judged_by_the_sound_of_another_kind(painted: SoundModel, seed: int) -> None:
    made = evaluate(painted, ColourJudge(), num_clips=9, seed=seed, seconds=2.0, rows=("random",))
    rows = {row["name"]: row for row in made["rows"]}
    assert list(rows) == [ROWS["rendered"], ROWS["random"], FLOOR]
    assert rows[ROWS["random"]]["class_agreement"] == 1
    assert rows[ROWS["random"]]["envelope_correlation"] == pytest.approx(1, abs=2e-3)
    assert rows[FLOOR]["class_agreement"] == 0
    assert rows[FLOOR]["envelope_correlation"] < 0.8
    assert rows[FLOOR]["seconds_until_right"] is None
    assert all(one["class_agreement"] == 0 for one in rows[FLOOR]["per_class"].values())


@pytest.mark.slow
def test_every_row_is_made_of_its_own_clips_and_progress_counts_them(painted: SoundModel) -> None:
    seen: list[Any] = []
    made = evaluate(painted, ColourJudge(), num_clips=36, seconds=0.5, progress=lambda *said: seen.append(said))
    assert {row["name"]: row["num_clips"] for row in made["rows"]} == {
        ROWS["rendered"]: 36, ROWS["known"]: 36, ROWS["random"]: 36, FLOOR: 36, ROWS["chosen"]: 36, ROWS["text"]: 9, ROWS["silence"]: 9}
    assert [said[0] for said in seen] == list(range(1, 4 * 36 + 2 * 9 + 1))
    assert {said[1] for said in seen} == {4 * 36 + 2 * 9}
    assert [said[2] for said in seen][::36] == [ROWS[name] for name in ("rendered", "known", "random", "chosen", "text")]
    assert all(said[3].shape == (4, 4, 3) for said in seen)
    rows = {row["name"]: row for row in made["rows"]}
    assert rows[ROWS["silence"]]["class_agreement"] == pytest.approx(1 / 9, abs=1e-3)
    assert rows[ROWS["silence"]]["per_class"][KINDS[0]]["class_agreement"] == 1
    assert rows[ROWS["text"]]["envelope_correlation"] == 0  # what doesn't move correlates with nothing
    assert (made["num_clips"], made["seconds"], made["fps"], made["seed"], made["model"]) == (36, 0.5, 12.0, 0, painted.name)


@pytest.mark.slow
def test_rows_that_were_not_asked_for_or_need_a_joint_space_are_left_out(painted: SoundModel) -> None:
    def names(model: SoundModel, **more: Any) -> list[str]:
        return [row["name"] for row in evaluate(model, ColourJudge(), num_clips=9, seconds=0.5, **more)["rows"]]

    assert names(painted, rows=("silence", "known")) == [ROWS["rendered"], ROWS["known"], ROWS["silence"]]
    assert names(dataclasses.replace(painted, joint_space=None)) == [ROWS["rendered"], ROWS["known"], ROWS["random"], FLOOR, ROWS["silence"]]
    with pytest.raises(ConfigError, match="rows: got 'loud', expected rendered, known, random"):
        evaluate(painted, ColourJudge(), rows=("loud",))


def test_a_row_of_known_films() -> None:
    rng = np.random.default_rng(0)

    def film(index: int) -> Film:
        return Film(index % 3 == 0, 0.1 * index, 0.05 * index, 0.01 * index, 2.0 + index, 1.1 * index + rng.normal(size=(4, 3)))

    films, ceiling, kinds = [film(index) for index in range(18)], [film(index + 2) for index in range(18)], [index % 9 for index in range(18)]
    row = tables._row("name", films, kinds, ceiling)
    right = np.array([index % 3 == 0 for index in range(18)], float)
    assert (row["name"], row["num_clips"]) == ("name", 18)
    assert row["class_agreement"] == 0.333
    assert row["envelope_correlation"] == pytest.approx(0.425)
    assert row["interval"]["class_agreement"] == [round(value, 3) for value in bootstrap(right, "mean")]
    assert row["interval"]["envelope_correlation"] == [round(value, 3) for value in bootstrap(0.05 * np.arange(18), "median")]
    assert (row["lag_seconds"], row["seconds_until_right"]) == (pytest.approx(0.085), pytest.approx(0.85))
    assert row["fine_detail"] == round((2 + 8.5) / (4 + 8.5), 3)
    ours, real = np.concatenate([one.features for one in films]), np.concatenate([one.features for one in ceiling])
    assert row["frechet_distance"] == round(frechet_distance(ours[::2], real[1::2]), 3)
    assert list(row["per_class"]) == list(KINDS)
    assert row["per_class"][KINDS[3]] == {  # clips 3 and 12
        "class_agreement": 1.0, "envelope_correlation": pytest.approx(0.375), "fine_detail": round(9.5 / 11.5, 3)}
    assert row["per_class"][KINDS[1]]["class_agreement"] == 0.0
    films[:10] = [dataclasses.replace(one, seconds_until_right=math.inf) for one in films[:10]]
    assert tables._row("name", films, kinds, ceiling)["seconds_until_right"] is None


@pytest.mark.slow
def test_the_whole_table_of_a_small_model(model: SoundModel, judge: Judge) -> None:
    made = evaluate(model, judge, num_clips=9, seed=2, seconds=0.5)
    assert [row["name"] for row in made["rows"]] == [
        ROWS["rendered"], ROWS["known"], ROWS["random"], FLOOR, ROWS["chosen"], ROWS["text"], ROWS["silence"]]
    ceiling = made["rows"][0]
    assert (ceiling["fine_detail"], ceiling["per_class"][KINDS[4]]["fine_detail"]) == (1.0, 1.0)
    right = [judge(rendered_frames(clip, FPS, 32).permute(0, 3, 1, 2) / 127.5 - 1).logits.softmax(1).mean(0).argmax() == clip.kind
             for clip in held_out_clips(9, 2, 0.5, FPS)]  # fmt: skip
    assert ceiling["class_agreement"] == pytest.approx(np.mean(right), abs=1e-3)


# ---- a long walk


@pytest.mark.slow
def test_a_long_walk_is_told_minute_by_minute(model: SoundModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes, of 20 s here, at a frame a second; everything again by hand, from the sound to the figures."""
    module, minute = sys.modules["sgvg_core.evaluation.judged.long_walk"], 20
    monkeypatch.setattr(module, "_FPS", 1)
    monkeypatch.setattr(module, "_MINUTE_SECONDS", minute)
    seen: list[Any] = []
    found = long_walk(model, ColourJudge(), kind="raining", minutes=2, seed=6, num_codes=20, progress=lambda *said: seen.append(said))
    assert (found["kind"], found["pull"], [row["minute"] for row in found["rows"]]) == ("raining", DEFAULT_PULL, [1, 2])
    slow = make_envelope("raining", 6, 2.0 * minute, 100)
    fine = np.interp(np.arange(2 * minute * 22_050) / 22_050, np.arange(len(slow)) / 100, slow).astype(np.float32)
    heard = analyse_sound(Sound.from_waveform(torch.from_numpy(synth("raining", 6, fine, 22_050))[None], 22_050), model.mel)
    walk = Walk(heard, model.sound_encoder, model.walker, random_start(model.generator, 6), Fraction(1), WalkSettings(pull=DEFAULT_PULL))
    assert walk.num_frames == num_frames(2 * minute, Fraction(1)) == 2 * minute
    latents = torch.cat(list(walk))
    frames = torch.cat([to_uint8(some) for some in synthesize(model.generator, [latents])])
    away = (latents - model.generator.w_avg).norm(dim=2).mean(1)
    mapped = model.generator.mapping(torch.cat([limit_code(model, index) for index in range(20)]))[:, 0]
    limit = float((mapped - model.generator.w_avg).norm(dim=1).quantile(0.99))
    assert found["limit"] == pytest.approx(limit, abs=1e-3)
    change = torch.cat([torch.zeros(1), (frames[1:].float() - frames[:-1].float()).abs().mean((1, 2, 3))])
    verdict = ColourJudge()(frames.permute(0, 3, 1, 2) / 127.5 - 1)
    for row, part in zip(found["rows"], (slice(0, minute), slice(minute, 2 * minute)), strict=True):
        assert row["mean_change"] == pytest.approx(float(change[part].mean()), abs=0.02)
        assert row["largest_distance"] == pytest.approx(float(away[part].max()), abs=2e-3)
        assert row["share_beyond_limit"] == pytest.approx(float((away[part] > limit).float().mean()), abs=1e-4)
        right = verdict.logits.argmax(1)[part] == KINDS.index("raining")
        assert row["class_agreement"] == pytest.approx(float(right.float().mean()), abs=0.02)
        assert -1 <= row["envelope_correlation"] <= 1
    assert [said[0] for said in seen][-1] == 2 * minute
    assert {said[1] for said in seen} == {2 * minute}


def limit_code(model: SoundModel, index: int) -> torch.Tensor:
    """A code of those that the limit of a long walk of seed 6 is taken from."""
    return draw_z(model.generator, 7, 1, index)
