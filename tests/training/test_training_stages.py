"""Every stage on a tiny world: each leaves what the next needs, can be killed and resumes; the exported folder is a model."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_generator, build_joint_space, load_generator, load_sound_encoder, load_walker, save_generator, save_joint_space
from sgvg_core.config import CriticConfig, JudgeConfig
from sgvg_core.embedding import train_merges
from sgvg_core.errors import CheckpointError
from sgvg_core.presets import TINY_WORLD
from sgvg_core.training.runs.gradients import gradient_shares
from sgvg_core.training.runs.history import note_command
from sgvg_core.training.runs.state import read_state
from sgvg_core.training.runs.timed import Run
from sgvg_core.training.world import encoder_warmup, latent_targets, walker_warmup
from sgvg_core.training.world.detail_finetune import DetailConfig, combined_gradient, squares
from sgvg_core.training.world.export import export_model, folder_after
from sgvg_core.training.world.generator import image_distance
from sgvg_core.training.world.paper_losses import FinetuneConfig
from sgvg_core.training.world.rendered_clips import render_clips
from sgvg_core.training.world.results import generator_file
from sgvg_core.training.world.stages import (
    TrainSettings,
    detail_stage,
    finetune_stage,
    generator_stage,
    judge_stage,
    rendered_images,
    walk_stage,
)
from sgvg_core.world import KINDS
from sgvg_core.world.codes import draw_codes

SPACE = dataclasses.replace(
    TINY_WORLD.joint_space, embed_dim=16, image_size=32, image_width=4, text_width=16, text_heads=2, text_layers=1, sound_widths=(8, 8),
    merges=train_merges(KINDS, 10), words=("rain",), labels=KINDS,
)
CONFIG = dataclasses.replace(TINY_WORLD, joint_space=SPACE, judge=JudgeConfig(image_size=16, widths=(8, 8)))
STEP = 1 / 60 / 100  # a hundredth of a second: one step, whatever it takes


class Killed(Exception):
    """The run was killed."""


def killer(note):
    """A progress that stops the work after the first step whose note begins so."""

    def progress(done, total, said="", preview=None):
        if said.startswith(note):
            raise Killed

    return progress


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A work folder with an untrained generator and joint space."""
    work = tmp_path_factory.mktemp("work")
    torch.manual_seed(0)
    save_generator(work / "generator.safetensors", build_generator(CONFIG.generator), CONFIG.generator)
    save_joint_space(work / "joint_space.safetensors", build_joint_space(SPACE), SPACE)
    return TrainSettings(
        work=work,
        config=CONFIG,
        num_scenes=50,
        num_held_out=50,
        num_clips=9,
        num_rendered=20,
        judge_steps=3,
        reader_steps=5,
        walk=walker_warmup.WalkTraining(pool_seconds=2.5, encoder_batch=16, walker_batch=12, chunk=6),
        sharpen=DetailConfig(batch=2, critic_alone_steps=1, critic_widths=(8, 8)),
        finetune=FinetuneConfig(batch=1, burn_in_steps=(0, 3), share_every=1),
        critics=CriticConfig(image_size=16, num_frames=3, image_widths=(8,), video_widths=(8,)),
        workers=1,
    )


@pytest.fixture(scope="module")
def few_codes():
    """The warm-up asks the generator about hundreds of codes instead of tens of thousands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latent_targets, "draw_codes", lambda seed, count: draw_codes(seed, min(count, 600)))
        patch.setattr(encoder_warmup, "_NUM_MEASURED", 50)
        patch.setattr(walker_warmup, "_SHORT_BATCH", 24)
        yield


@pytest.fixture(scope="module")
def warmed(settings, few_codes):
    """After the walk stage."""
    walk_stage(settings, STEP)
    return settings


@pytest.mark.slow
def test_generator_and_judge(settings, tmp_path):
    settings = dataclasses.replace(settings, work=tmp_path)
    with pytest.raises(Killed):
        generator_stage(settings, (STEP,), killer("generator"))
    path = generator_stage(settings, (STEP,))
    assert path.exists()
    assert set(read_state(tmp_path / "32px.state")) == {"net", "mean", "optimiser", "seen", "seconds", "settings"}
    with pytest.raises(Killed):
        judge_stage(settings, killer("judge"))
    assert set(judge_stage(settings)) == {"accuracy", "envelope_correlation", "lowest_correlation_of_a_kind"}
    assert read_state(tmp_path / "judge.state")["step"] == 3
    settings.work.joinpath("judge.safetensors").replace(tmp_path / "again.safetensors")
    judge_stage(settings)  # finished already: the same weights at once
    assert (tmp_path / "judge.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()


@pytest.mark.slow
def test_sharpening_goes_on_and_leaves_the_mapping_as_it_is(settings):
    with pytest.raises(Killed):
        detail_stage(settings, 4 * STEP, killer("sharpen"))
    path = detail_stage(settings, 4 * STEP)
    assert path == generator_file(settings.work)
    before, after = load_generator(settings.work / "generator.safetensors"), load_generator(path)
    assert all(torch.equal(a, b) for a, b in zip(before.mapping.parameters(), after.mapping.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(before.synthesis.parameters(), after.synthesis.parameters(), strict=True))
    lines = [json.loads(line) for line in (path.parent / "sharpen.jsonl").read_text().splitlines()]
    assert {"difference", "detail", "critic", "critic_loss"} <= set(lines[0])
    assert {"psnr", "detail"} <= set(lines[-1])


@pytest.mark.slow
def test_at_a_smaller_size_the_blocks_up_to_it_learn_alone(settings, tmp_path):
    """With Muon, whose state goes on as Adam's does."""
    sharpen = dataclasses.replace(settings.sharpen, size=16, critic_share=0, muon_lr=0.01, square_weight=6.0)
    settings = dataclasses.replace(settings, init_from=settings.work, work=tmp_path, sharpen=sharpen)
    with pytest.raises(Killed):
        detail_stage(settings, 4 * STEP, killer("sharpen"))
    after = load_generator(detail_stage(settings, 4 * STEP)).state_dict()
    assert "muon" in read_state(tmp_path / "sharpened" / "sharpen.state")
    before = load_generator(settings.init_from / "generator.safetensors").state_dict()
    assert before.keys() == after.keys()
    changed = {name.split(".")[1] for name, value in before.items() if not torch.equal(value, after[name])}
    assert changed == {"b4", "b8", "b16"}


@pytest.mark.slow
def test_blocks_that_stay_as_they_are_go_on_painting_the_smaller_picture(settings, tmp_path):
    sharpen = dataclasses.replace(settings.sharpen, frozen_size=16, critic_share=0, muon_lr=0.01)
    generator = dataclasses.replace(settings.config.generator, smaller_sizes=(8, 16))
    settings = dataclasses.replace(
        settings, init_from=settings.work, work=tmp_path, sharpen=sharpen, config=dataclasses.replace(settings.config, generator=generator)
    )
    after = load_generator(detail_stage(settings, 4 * STEP))
    before = load_generator(settings.init_from / "generator.safetensors")
    changed = {name.split(".")[1] for name, value in before.state_dict().items() if not torch.equal(value, after.state_dict()[name])}
    assert (changed, after.smaller_sizes) == ({"b32"}, (8, 16))
    ws = before.mapping(torch.randn(2, before.z_dim))
    assert torch.equal(before.synthesis(ws, size=16), after.synthesis(ws, size=16))


@pytest.mark.slow
def test_pictures_of_smaller_sizes_are_learned_beside_the_whole_ones(settings, tmp_path):
    generator = dataclasses.replace(settings.config.generator, smaller_sizes=(8, 16))
    settings = dataclasses.replace(settings, init_from=settings.work, work=tmp_path, config=dataclasses.replace(settings.config, generator=generator))
    path = detail_stage(settings, STEP)
    first = json.loads((path.parent / "sharpen.jsonl").read_text().splitlines()[0])
    begun = load_generator(settings.init_from / "generator.safetensors")
    z, wanted = rendered_images(settings)[0].batch(np.random.default_rng(settings.sharpen.seed).choice(50 * 6, 2, replace=False), 32)
    for size in (8, 16):
        smaller = torch.nn.functional.avg_pool2d(wanted, 32 // size)
        assert first[f"difference_{size}"] == pytest.approx(image_distance(begun.synthesis(begun.mapping(z), size=size), smaller).item(), rel=1e-3)


@pytest.mark.slow
def test_stage_one_learns_smaller_sizes_too(settings, tmp_path):
    """The loss of its first step is that of the pictures of both sizes."""
    config = dataclasses.replace(settings.config.generator, smaller_sizes=(16,))
    generator_stage(dataclasses.replace(settings, work=tmp_path, config=dataclasses.replace(settings.config, generator=config)), (STEP,))
    first = json.loads((tmp_path / "32px.jsonl").read_text().splitlines()[0])
    torch.manual_seed(settings.seed)
    begun = build_generator(config)
    rows = np.random.default_rng([settings.seed, 0]).permutation(50 * 6)[: settings.generator_batch]
    z, wanted = rendered_images(dataclasses.replace(settings, work=tmp_path))[0].batch(rows, 32)
    losses = [image_distance(images, wanted).item() for images in begun.synthesis.pictures(begun.mapping(z), (16, 32))]
    assert first["loss"] == pytest.approx(sum(losses), rel=1e-2)
    assert load_generator(tmp_path / "generator.safetensors").smaller_sizes == (16,)


def test_smaller_pictures_are_held_against_averages():
    ours, wanted = torch.randn(2, 3, 16, 16), torch.randn(2, 3, 64, 64)
    averaged = torch.nn.functional.avg_pool2d(wanted, 4)
    torch.testing.assert_close(image_distance(ours, wanted, 6.0), image_distance(ours, averaged, 6.0))


@pytest.mark.slow
def test_a_larger_generator_begins_as_a_trained_smaller_one(settings, tmp_path):
    detail_stage(settings, 4 * STEP)
    small = dataclasses.replace(settings, work=tmp_path, init_from=settings.work / "sharpened")
    generator = dataclasses.replace(small.config.generator, img_resolution=64, channels=(*small.config.generator.channels, 4))
    larger = dataclasses.replace(
        small, config=dataclasses.replace(small.config, generator=generator), sharpen=dataclasses.replace(small.sharpen, critic_share=0)
    )
    path = detail_stage(larger, STEP)
    assert load_generator(path).img_size == (64, 64)
    lines = [json.loads(line) for line in (path.parent / "sharpen.jsonl").read_text().splitlines()]
    assert {"difference", "detail"} <= set(lines[0])
    assert "critic" not in lines[0]


def test_the_discriminator_sees_the_same_square_of_both_pictures():
    pictures = torch.arange(2 * 3 * 8 * 10.0).reshape(2, 3, 8, 10)
    made, real = squares([pictures, -pictures], 4, np.random.default_rng(3))
    assert made.shape == (2, 3, 4, 4)
    assert torch.equal(made, -real)
    for square, picture in zip(made, pictures, strict=True):
        top, left = divmod(int(square[0, 0, 0] - picture[0, 0, 0]), 10)
        assert torch.equal(square, picture[:, top : top + 4, left : left + 4])
    assert squares([pictures], 8, np.random.default_rng(3))[0] is pictures


def test_a_term_pulls_with_its_share():
    images = torch.randn(2, 3, 8, 8, requires_grad=True)
    terms = {"a": images[:, 0].sum() * 100, "b": images[:, 1].sum() * 1e-3, "c": images.sum()}
    gradient = combined_gradient(images, terms, {"a": 1.0, "b": 0.5, "c": 0.0})
    assert torch.allclose(gradient[:, 0], torch.full((2, 8, 8), 100.0))
    assert torch.allclose(gradient[:, 1], torch.full((2, 8, 8), 50.0))
    assert not gradient[:, 2].any()


def test_squares_draw_what_absolute_differences_leave_out() -> None:
    """A streak that is at one of four places: the absolute differences are least without it, with squares where it's faint at each."""
    streaks = torch.zeros(4, 3, 16, 16)
    for place in range(4):
        streaks[place, :, :, 4 * place] = 1.0
    anywhere = streaks.mean(0, keepdim=True)  # 1/4 at each place

    def best(square_weight: float) -> float:
        shares = torch.linspace(0, 1, 21).tolist()
        return min(shares, key=lambda share: image_distance((share * anywhere).expand(4, -1, -1, -1), streaks, square_weight).item())

    assert best(0.0) == 0.0
    assert best(50.0) > 0.5


def test_squares_by_hand() -> None:
    ours, wanted = torch.zeros(1, 3, 16, 16), torch.zeros(1, 3, 16, 16)
    ours[..., 3, 5] = 0.5
    squares = 0.25 / 256 + 2 * (2 * 0.25 / 240)  # the difference, and its two steps across and down
    added = image_distance(ours, wanted, 3.0) - image_distance(ours, wanted)
    assert added.item() == pytest.approx(3 * squares, rel=1e-5)


@pytest.mark.slow
def test_a_finished_walk_hears_nothing_again(warmed, monkeypatch):
    monkeypatch.setattr(walker_warmup, "_offsets_of_pool", None)
    walker = (warmed.work / "walker.safetensors").read_bytes()
    (warmed.work / "walker.safetensors").unlink()
    walk_stage(warmed, STEP)
    assert (warmed.work / "walker.safetensors").read_bytes() == walker


@pytest.mark.slow
def test_walk_goes_on_with_its_walks(warmed, monkeypatch):
    def counting(path, parts, *, minutes, **more):
        limit = {"num_steps": before["step"] + 6} if path.stem == "walker" else {"minutes": minutes}
        return Run(path, parts, **limit, **more)

    before = read_state(warmed.work / "walker.state")
    monkeypatch.setattr(encoder_warmup, "Run", counting)
    monkeypatch.setattr(walker_warmup, "Run", counting)  # steps are counted, not minutes: the first of them take short walks, which carry nothing
    walk_stage(warmed, STEP)
    after = read_state(warmed.work / "walker.state")
    assert after["step"] == before["step"] + 6
    assert after["extra"]["walks"]["ws"].shape == (12, 8, 24)
    assert set(after["extra"]["walks"]["hidden"]) == {"coarse", "mid", "fine", "clock"}


@pytest.mark.slow
def test_finetune_trains_both_parts_and_logs_every_share(warmed):
    with pytest.raises(Killed):
        finetune_stage(warmed, (STEP, STEP), killer("critics"))
    folder = finetune_stage(warmed, (STEP, STEP))
    assert folder == warmed.work / "critics"
    before, _ = load_sound_encoder(warmed.work / "encoder_loss" / "sound_encoder.safetensors")
    after, _ = load_sound_encoder(folder / "sound_encoder.safetensors")
    assert any(not torch.equal(a, b) for a, b in zip(before.parameters(), after.parameters(), strict=True))
    moved = zip(load_walker(warmed.work / "walker.safetensors").parameters(), load_walker(folder / "walker.safetensors").parameters(), strict=True)
    assert any(not torch.equal(a, b) for a, b in moved)
    first, *entries = [json.loads(line) for line in (folder / "critics.jsonl").read_text().splitlines()]
    assert first["settings"]["lambda_enc"] == 2.0
    terms = {"sound_image", "sound_text", "spread", "video", "image"}
    assert terms <= set(entries[-1])
    assert sum(entries[-1][f"share_{term}"] for term in terms) == pytest.approx(1, abs=1e-3)
    assert {"video_critic", "image_critic", "gradient_norm", "loss"} <= set(entries[-1])


def test_shares_of_the_gradient_by_hand():
    x, y = torch.nn.Parameter(torch.tensor([1.0])), torch.nn.Parameter(torch.tensor([2.0]))
    # gradients (3, 4) of norm 5, and (15, 0) of norm 15
    assert gradient_shares({"a": (3 * x + 4 * y).sum(), "b": 15 * x.sum()}, [x, y]) == pytest.approx({"a": 0.25, "b": 0.75})


@pytest.mark.slow
def test_rendered_clips_move(tmp_path):
    clips = render_clips(tmp_path / "clips.npy", seed=1, num_clips=20, num_frames=4, rate=12, image_size=32, size=16, workers=1)
    batch = clips.batch(np.arange(20))
    assert batch.shape == (20, 4, 3, 16, 16)
    assert batch.min() >= -1
    assert batch.max() <= 1
    assert ((batch[:, 1:] - batch[:, :-1]).abs().amax((1, 2, 3, 4)) > 0).float().mean() > 0.6
    assert (batch.std((1, 2, 3, 4)) > 0.02).all()


@pytest.mark.slow
def test_export_makes_a_model_and_its_card(warmed, tmp_path):
    with pytest.raises(CheckpointError, match="has no judge yet"):
        export_model(warmed.work, tmp_path / "none")
    judge_stage(warmed)
    note_command(warmed.work, "walk", {"recordings": True, "minutes": "20", "clips": None})
    model = export_model(warmed.work, tmp_path / "mine", "warm-up")
    assert model.name == "mine"
    assert model.joint_space is not None
    card = (tmp_path / "mine" / "MODEL_CARD.md").read_text()
    assert "python -m sgvg_core train walk --work DIR --recordings RECORDINGS --minutes 20\n" in card
    assert "**Sound encoder and walker are those of the warm-up.**" in card
    assert str(tmp_path) not in card
    (tmp_path / "mine" / "MODEL_CARD.md").write_text("filled in")
    export_model(warmed.work, tmp_path / "mine", "warm-up")
    assert (tmp_path / "mine" / "MODEL_CARD.md").read_text() == "filled in"
    assert folder_after(warmed.work, "encoder-loss") == warmed.work / "encoder_loss"


def test_a_stage_names_the_one_before(settings, tmp_path):
    with pytest.raises(CheckpointError, match=r"generator\.safetensors: isn't there yet; make it with: python -m sgvg_core train generator"):
        walk_stage(dataclasses.replace(settings, work=tmp_path), STEP)
