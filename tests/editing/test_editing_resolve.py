"""From an edit to latents: scenes, attributes, directions; strength 0; the kept map; sounds over time."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from sgvg_core.assembly import SoundModel, load_model
from sgvg_core.editing import (
    Edit,
    ResolveSettings,
    Source,
    Target,
    Understood,
    apply_edits,
    edit_still,
    joint_map,
    parse_edit,
    resolve_edits,
    strength_strip,
    understand,
)
from sgvg_core.editing.found_directions import (
    direction_between,
    direction_by_name,
    direction_to,
    is_named,
    pca_directions,
    sefa_directions,
)
from sgvg_core.editing.joint_map import _LAST, weights_hash
from sgvg_core.editing.optimise import DescentSettings, edit_loss, optimise_edit
from sgvg_core.editing.over_time import find_kinds, kind_weights
from sgvg_core.editing.resolve import Resolver
from sgvg_core.editing.shifts import KnotShift, linearised
from sgvg_core.editing.style_space import layer_styles, style_step
from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.generation import Sound
from sgvg_core.image_inversion import map_codes
from sgvg_core.synthesis import rgb_images

FEW = ResolveSettings(num_codes=64)


@pytest.fixture
def start(tiny_model: SoundModel) -> torch.Tensor:
    return map_codes(tiny_model.generator, 5, 2)[:1, None].expand(-1, tiny_model.generator.num_ws, -1).clone()


@pytest.mark.slow
def test_a_map_is_kept_and_read_again(tiny_model: SoundModel, tmp_path: Path) -> None:
    first = joint_map(tiny_model, 48, folder=tmp_path)
    (kept,) = tmp_path.iterdir()
    looked: list[str] = []
    assert joint_map(tiny_model, 48, folder=tmp_path) is first
    _LAST.clear()
    second = joint_map(tiny_model, 48, folder=tmp_path, progress=lambda done, total, note="", preview=None: looked.append(note))
    assert torch.equal(first.embeds, second.embeds)
    assert not looked
    kept.write_bytes(kept.read_bytes()[:-7])
    _LAST.clear()
    third = joint_map(tiny_model, 48, folder=tmp_path)
    torch.testing.assert_close(first.embeds, third.embeds)


def test_a_map_is_known_by_numbers_not_by_names(tiny_model: SoundModel) -> None:
    one, other = torch.nn.Linear(3, 4), torch.nn.Linear(3, 4)
    assert weights_hash(one) != weights_hash(other)
    other.load_state_dict(one.state_dict())
    assert weights_hash(torch.nn.ModuleDict({"a": one})) == weights_hash(torch.nn.ModuleDict({"b": other}))


@pytest.mark.slow
@pytest.mark.parametrize("line", ["text=raining; way=scene", "text=raining; way=attribute", "direction=pca:0", "direction=sefa 1"])
def test_strength_0_is_byte_equal_and_strength_moves(tiny_model: SoundModel, start: torch.Tensor, line: str) -> None:
    (none,) = resolve_edits(tiny_model, [parse_edit(line + "; strength=0")], start, FEW)
    assert apply_edits(start, (none,)) is start
    (some,) = resolve_edits(tiny_model, [parse_edit(line + "; strength=1")], start, FEW)
    moved = apply_edits(start, (some,)) - start
    assert float(moved.abs().max()) > 0
    (away,) = resolve_edits(tiny_model, [parse_edit(line + "; strength=-1")], start, FEW)
    assert float((moved * (apply_edits(start, (away,)) - start)).sum()) < 0, "negative strength leads away"
    (again,) = resolve_edits(tiny_model, [parse_edit(line + "; strength=1")], start, FEW)
    assert torch.equal(apply_edits(start, (again,)), moved + start)


@pytest.mark.slow
def test_a_change_of_scene_lands_on_a_code_in_the_starts_fine_latents(tiny_model: SoundModel, start: torch.Tensor) -> None:
    known = joint_map(tiny_model, 64)
    resolver = Resolver(tiny_model, start, FEW)
    scene = Understood(known.embeds[7], 0)
    landed = start + resolver.landing(scene, parse_edit("text=raining"))(torch.ones(1))
    fine = tiny_model.walker.slices["fine"]
    assert torch.equal(landed[:, fine], start[:, fine])
    best = known.ws[known.best_codes(known.embeds[7])]
    assert float((best - landed[0, 0]).abs().amax(1).min()) < 1e-4
    named = start + resolver.landing(scene, parse_edit("text=raining; layers=coarse"))(torch.ones(1))
    changed = (named != start).flatten(2).any(2)[0]
    assert changed.nonzero().flatten().tolist() == list(range(tiny_model.walker.slices["coarse"].stop))
    with pytest.raises(ConfigError, match="names no scene"):
        resolver.landing(Understood(None, None, known.embeds[:1].expand(len(known.centres), -1)), parse_edit("text=at night"))


def test_a_curve_of_numbers_spreads_over_the_frames(tiny_model: SoundModel, start: torch.Tensor) -> None:
    settings = ResolveSettings(num_frames=5, num_codes=64)
    (edit,) = resolve_edits(tiny_model, [parse_edit("direction=pca:0; strength=2; curve=0,1,0")], start, settings)
    assert edit.amounts[:, 0].tolist() == [0, 1, 2, 1, 0]
    with pytest.raises(ConfigError, match="no sound here"):
        resolve_edits(tiny_model, [parse_edit("direction=pca:0; curve=loudness")], start, settings)
    sound = Sound.from_waveform(torch.cat([torch.zeros(1, 8000), torch.rand(1, 8000) - 0.5], 1), 16_000)
    loud = ResolveSettings(num_frames=10, fps=Fraction(10), sound=sound, num_codes=64)
    (edit,) = resolve_edits(tiny_model, [parse_edit("direction=pca:0; curve=loudness")], start, loud)
    assert float(edit.amounts[2, 0]) < 0.2 < 0.5 < float(edit.amounts[8, 0])
    with pytest.raises(ConfigError, match="'warmth'"):
        resolve_edits(tiny_model, [parse_edit("direction=pca:0; curve=warmth")], start, loud)


def test_a_sound_is_a_target_of_a_still_and_of_a_film(tiny_model: SoundModel, start: torch.Tensor) -> None:
    noise = torch.rand(1, 32_000, generator=torch.Generator().manual_seed(0)) - 0.5
    edit = Edit(target=Target.of("sound", Sound.from_waveform(noise, 16_000)))
    (still,) = resolve_edits(tiny_model, [edit], start, FEW)
    assert len(still.amounts) == 1
    (film,) = resolve_edits(tiny_model, [edit], start, ResolveSettings(num_frames=20, fps=Fraction(10), num_codes=64))
    assert film.amounts.shape == (20, len(film.shifts))
    assert bool((film.amounts >= 0).all())


def test_two_sounds_in_one_are_two_kinds_and_turn_at_once() -> None:
    one, other = F.normalize(torch.tensor([[1.0, 0, 0.1], [0, 1.0, 0.1]]), dim=1)
    embeds = torch.stack([one] * 12 + [other] * 12 + [one] * 8)
    found = find_kinds(embeds, 0.125 + torch.arange(32) / 4)
    assert len(found.embeds) == 2
    turns = (found.kinds[1:] != found.kinds[:-1]).nonzero().flatten() + 1
    assert [abs(int(turn) - wanted) <= 1 for turn, wanted in zip(turns, (12, 24), strict=True)] == [True, True]
    weights = kind_weights(found, 80, Fraction(10))
    torch.testing.assert_close(weights.sum(1), torch.ones(80))
    assert float(weights[25, 0]) > 0.99
    assert float(weights[36, 1]) > 0.99, "half a second after the turn the picture has turned"


def test_a_turn_lies_where_windows_turn_though_the_second_sound_is_at_first_like_the_first() -> None:
    """Each is alike to what came before it until its mean has moved: the border goes to the place of the best split."""
    rain, thunder = torch.tensor([1.0, 0.0]), F.normalize(torch.tensor([0.55, 1.0]), dim=0)
    leaning = F.normalize(0.45 * rain + 0.55 * thunder, dim=0)
    found = find_kinds(torch.stack([rain] * 12 + [leaning] * 2 + [thunder] * 10), torch.arange(24) / 4)
    assert found.kinds.tolist() == [0] * 12 + [1] * 12


def test_a_moment_between_two_sounds_is_no_third() -> None:
    rain, between, thunder = F.normalize(torch.eye(3) + 0.1, dim=1)
    found = find_kinds(torch.stack([rain] * 10 + [between] * 3 + [thunder] * 10), torch.arange(23) / 4)
    assert len(found.embeds) == 2
    assert len(torch.unique_consecutive(found.kinds)) == 2


def test_a_sound_of_one_kind_is_one_kind_and_a_short_one_too() -> None:
    noisy = F.normalize(torch.tensor([1.0, 0, 0]) + 0.3 * torch.randn(40, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    assert len(find_kinds(noisy, torch.arange(40) / 4).embeds) == 1
    assert find_kinds(noisy[:1], torch.zeros(1)).kinds.tolist() == [0]


def test_shifts_run_straight_between_their_knots() -> None:
    shift = KnotShift(torch.tensor([-1.0, 0.0, 0.5, 1.0]), torch.tensor([-2.0, 0.0, 3.0, 4.0])[:, None, None])
    made = shift(torch.tensor([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5]))[:, 0, 0]
    torch.testing.assert_close(made, torch.tensor([-2.0, 0.0, 1.5, 3.0, 3.5, 4.0, 5.0]))


def test_places_are_those_of_even_responses() -> None:
    assert linearised([0, 0.25, 0.5, 0.75, 1], torch.tensor([0.0, 0.0, 1.0, 2.0, 2.0]), 3) == pytest.approx([0, 0.5, 1])
    assert linearised([0, 0.5, 1], torch.tensor([1.0, 0.5, 1.0]), 3) == pytest.approx([0, 0.5, 1]), "nothing is gained: spread evenly"
    assert linearised([0, 0.5, 1], torch.tensor([0.0, 1.0, 0.5]), 3)[1] == pytest.approx(0.25)


def test_directions_of_the_generator_have_their_unit(tiny_model: SoundModel) -> None:
    ws = map_codes(tiny_model.generator, 0, 2000)
    for direction in (*pca_directions(tiny_model.generator, 2), *sefa_directions(tiny_model.generator, 2)):
        assert float(direction.d.square().sum(1).mean()) == pytest.approx(1, abs=1e-4)
        assert float((ws @ direction.d[0]).std()) == pytest.approx(direction.sigma, rel=0.05)
    first, second = pca_directions(tiny_model.generator, 2)
    assert first.sigma >= second.sigma
    assert abs(float(first.d[0] @ second.d[0])) < 1e-4
    for name in ("pca:1", "PCA 1"):
        assert torch.equal(direction_by_name(tiny_model.generator, name).d, second.d)
    assert [is_named(each) for each in ("sefa 0", "pca", "pca mine.safetensors", "pcalm")] == [True, True, False, False]
    for wrong in ("pca:x", "pca:9999", "sefa:", "pca"):
        with pytest.raises(ConfigError, match="direction"):
            direction_by_name(tiny_model.generator, wrong)


def test_sefa_is_the_eigenvectors_of_the_style_weights(tiny_model: SoundModel) -> None:
    """An independent way to the same: the direction along which all styles of unit rows change most."""
    rows = torch.cat([F.normalize(module.affine.weight, dim=1) for module in tiny_model.generator.synthesis.modules() if hasattr(module, "affine")])
    best = sefa_directions(tiny_model.generator, 1)[0].d[0]
    others = F.normalize(torch.randn(500, rows.shape[1], generator=torch.Generator().manual_seed(0)), dim=1)
    assert float((rows @ best).norm()) >= float((others @ rows.T).norm(dim=1).max())
    leading = torch.linalg.svd(rows).Vh[0]
    assert abs(float(leading @ best)) == pytest.approx(1, abs=1e-3)


def test_a_direction_between_latents_leads_from_one_to_the_other(tiny_model: SoundModel) -> None:
    ws = map_codes(tiny_model.generator, 3, 4)[:, None].expand(-1, tiny_model.generator.num_ws, -1)
    direction = direction_between("x", ws[:1], ws[1:2])
    (edit,) = resolve_edits(tiny_model, [Edit(direction=direction)], ws[:1], FEW)
    torch.testing.assert_close(apply_edits(ws[:1], (edit,)), ws[1:2], atol=1e-4, rtol=1e-4)
    assert direction_between("x", ws[:2], ws[2:]).source == "pictures"
    with pytest.raises(ConfigError, match="same latents"):
        direction_between("x", ws[:1], ws[:1])
    with pytest.raises(ShapeError, match="second"):
        direction_between("x", ws[:1], ws[1:2, :1])


def test_a_direction_to_a_target_is_that_of_the_joint_space(tiny_model: SoundModel) -> None:
    direction = direction_to(tiny_model, Target.of("text", "raining"), 64)
    assert direction.source == "joint space"
    assert float(direction.d.square().sum(1).mean()) == pytest.approx(1, abs=1e-4)


def test_a_still_and_its_strip(tiny_model: SoundModel, start: torch.Tensor) -> None:
    made = edit_still(tiny_model, Source(start), [parse_edit("direction=pca:0"), parse_edit("text=raining; way=scene")], FEW)
    assert made.image.shape == made.before.shape == (32, 32, 3)
    assert not torch.equal(made.image, made.before)
    strip = strength_strip(tiny_model, Source(start), made.edits, (0.0, 1.0))
    assert torch.equal(strip[:, :32], made.before)
    assert torch.equal(strip[:, -32:], made.image)


def test_latents_of_another_generator_are_refused(tiny_model: SoundModel, start: torch.Tensor) -> None:
    with pytest.raises(ShapeError, match="start_ws"):
        resolve_edits(tiny_model, [parse_edit("direction=pca:0")], start[:, :2], FEW)


@pytest.mark.slow
def test_the_bundled_map_is_that_of_the_bundled_model() -> None:
    """`sgvg_core.editing.joint_map.bundle_joint_map()` makes it anew, where generator or joint space changed."""
    looked: list[str] = []
    _LAST.clear()
    joint_map(load_model(device="cpu"), progress=lambda done, total, note="", preview=None: looked.append(note))
    assert not looked


@pytest.mark.slow
def test_the_bundled_model_understands_scenes_and_what_differs_within() -> None:
    model = load_model(device="cpu")
    known = joint_map(model)
    labels = list(model.joint_space.labels)
    for text, scene in (("raining", "raining"), ("a campfire", "fire crackling"), ("waves on the beach", "splashing water"), ("at night", None),
                        ("at noon", None), ("in the fog", None), ("violent", None)):
        understood = understand(model, known, Target.of("text", text))
        assert understood.scene == (None if scene is None else labels.index(scene)), text
        assert (understood.changes is None) == (scene is not None), text
    both = understand(model, known, Target.of("text", "a thunderstorm at night"))
    assert both.scene == labels.index("thunderstorm")
    assert both.changes is not None


@pytest.mark.slow
def test_the_published_objective_descends_with_its_mask_on(tiny_model: SoundModel, start: torch.Tensor) -> None:
    embeds = joint_map(tiny_model, 64).embeds
    target = F.normalize(embeds[3] - embeds.mean(0), dim=0)  # a random network sees much the same in all pictures
    before = {name: value.clone() for name, value in tiny_model.generator.state_dict().items()}
    found = optimise_edit(tiny_model, start, target, DescentSettings(num_steps=15, latent_weight=0.0))
    with torch.no_grad():
        at_start = float(tiny_model.joint_space.embed_images(rgb_images(tiny_model.generator, start, noise_mode="const")) @ target)
    assert found.cosine > at_start
    assert found.mask.shape == (tiny_model.generator.num_ws,)
    assert float(found.mask.std()) > 0, "layers differ in their weights"
    plain = optimise_edit(tiny_model, start, target, DescentSettings(num_steps=3, masked=False))
    assert bool((plain.mask == 1).all())
    assert all(torch.equal(value, before[name]) for name, value in tiny_model.generator.state_dict().items())
    held = optimise_edit(tiny_model, start, target, DescentSettings(num_steps=15, latent_weight=100.0))
    assert float((held.ws - start).norm()) < float((found.ws - start).norm())


def test_the_objective_is_as_published() -> None:
    image, target = F.normalize(torch.tensor([[3.0, 4.0]]), dim=1), torch.tensor([1.0, 0.0])
    change, mask = torch.tensor([[[1.0, 2.0], [0.0, 3.0]]]), torch.tensor([0.5, 1.0])
    loss = edit_loss(image, target, change, mask, 0.008)
    assert float(loss) == pytest.approx(1 - 0.6 + 0.008 * (0.25 + 1 + 9))


@pytest.mark.slow
def test_a_real_clip_class_drives_the_same_ways(tiny_model: SoundModel, start: torch.Tensor) -> None:
    """A CLIP network of open_clip's own class with random numbers: shapes and gradients go through, labels aren't needed."""
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    from sgvg_core.embedding import ImagePreparation, OpenClipSpace

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        vision = CLIPVisionCfg(layers=2, width=32, head_width=16, patch_size=8, image_size=32)
        clip = CLIP(24, vision, CLIPTextCfg(context_length=12, vocab_size=200, width=32, heads=2, layers=1)).eval().requires_grad_(False)

    def tokens(texts: list[str]) -> torch.Tensor:
        return torch.tensor([[1 + sum(map(ord, text)) % 190, 199] + [0] * 10 for text in texts])

    space = OpenClipSpace(clip, tokens, ImagePreparation(32, (0.5,) * 3, (0.25,) * 3))
    model = dataclasses.replace(tiny_model, joint_space=space)
    for way in ("auto", "scene", "attribute"):
        (edit,) = resolve_edits(model, [parse_edit(f"text=a wizard; way={way}")], start, FEW) if way != "scene" else (None,)
        if edit is not None:
            assert float((apply_edits(start, (edit,)) - start).abs().max()) > 0
    known = joint_map(model, 64)
    assert len(known.labels) == 0
    landed = Resolver(model, start, FEW).landing(Understood(known.embeds[2], 0), parse_edit("text=a wizard"))(torch.ones(1))
    assert float(landed.abs().max()) > 0
    found = optimise_edit(model, start, known.embeds[5], DescentSettings(num_steps=4))
    assert found.ws.shape == start.shape
    assert float((found.ws - start).abs().max()) > 0


def test_styles_are_changed_in_few_channels(tiny_model: SoundModel, start: torch.Tensor) -> None:
    known = joint_map(tiny_model, 64)
    attribute = known.attribute(torch.randn(len(known.centres), known.embeds.shape[1], generator=torch.Generator().manual_seed(0)))
    step = style_step(tiny_model.generator, known, attribute)
    for layer, weight in enumerate(layer_styles(tiny_model.generator)):
        change = weight @ step[layer]
        if weight.shape[0] <= weight.shape[1]:
            strongest = change.abs().topk(max(1, round(0.1 * len(change)))).values.sum()
            assert float(strongest / change.abs().sum()) > 0.9, layer
    (edit,) = resolve_edits(tiny_model, [parse_edit("text=at night; way=style")], start, FEW)
    assert edit.way == "style"
    assert float((apply_edits(start, (edit,)) - start).abs().max()) > 0
    with pytest.raises(ConfigError, match="share"):
        style_step(tiny_model.generator, known, attribute, 0.0)
