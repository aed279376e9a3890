"""E_a from labelled sounds alone: the offsets of labels, the encoder that learns them, the walker that follows them."""

import dataclasses
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from sgvg_core.assembly import build_sound_encoder, build_walker, save_sound_encoder
from sgvg_core.augmentation import augment_sound
from sgvg_core.config import SoundInversionConfig, WalkerConfig
from sgvg_core.curves.loudness import loudness_envelope
from sgvg_core.errors import Cancelled, ConfigError
from sgvg_core.generation import Sound
from sgvg_core.generation.windows import log_mel_windows
from sgvg_core.guidance import few_shot_fit
from sgvg_core.guidance.few_shot_fit import (
    LabelledSound,
    SoundFitSettings,
    encoder_for,
    fit_sounds,
    wanted_offsets,
)
from sgvg_core.guidance.label_directions import (
    LabelDirections,
    LabelSearch,
    embed_labels,
    find_label_directions,
    label_texts,
    nearest_means,
    offset_loss,
    zscore,
)
from sgvg_core.presets import LANDSCAPES, PAPER_SOUND_INVERSION, TINY
from sgvg_core.sound_inversion.encoder_config import config_of_encoder
from sgvg_core.walker import WalkSettings, roll_out
from sgvg_core.walker.analytic import analytic_walker, config_of_walker

SEARCH = LabelSearch(num_codes=24, num_steps=6, batch=4)


def tone(hertz: float, seconds: float = 2.0) -> Sound:
    time = torch.arange(int(22_050 * seconds)) / 22_050
    return Sound.from_waveform((0.4 * torch.sin(2 * math.pi * hertz * time) * torch.linspace(0.05, 1, len(time)))[None], 22_050)


def hiss(seed: int, seconds: float = 2.0) -> Sound:
    return Sound.from_waveform(0.2 * torch.randn(1, int(22_050 * seconds), generator=torch.Generator().manual_seed(seed)), 22_050)


SOUNDS = [LabelledSound(label, sound) for label, sound in (("whistle", tone(440)), ("whistle", tone(600)), ("steam", hiss(1)), (" steam ", hiss(2)))]


def test_the_first_offset_is_the_mean_of_the_nearest_codes_less_that_of_all():
    ws = torch.tensor([[[0.0]], [[2.0]], [[4.0]], [[10.0]]])  # mean 4
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7], [0.0, 0.9]])
    assert nearest_means(ws, scores, 2).flatten().tolist() == [1.0 - 4.0, 7.0 - 4.0]


def test_a_image_stands_out_beside_usual_images_and_other_labels():
    cosines = torch.tensor([[0.5, 0.1], [0.3, 0.1], [0.1, 0.1]])
    # the first label's column in standard deviations (0.2) is 1, 0, -1; the second says nothing; half of the difference is left of each
    assert zscore(cosines).tolist() == [[pytest.approx(0.5), pytest.approx(-0.5)], [0.0, 0.0], [pytest.approx(-0.5), pytest.approx(0.5)]]


def test_the_loss_of_an_offset_is_eq_2_the_choice_and_its_size():
    embedded, texts = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    chosen = math.log(1 + math.exp(20 * (0.6 - 0.8)))
    by_hand = (1 - 0.8) + 0.2 * chosen + 0.5 * 4.0
    assert offset_loss(embedded, texts, 0, torch.full((3, 2), 2.0), keep_near=0.5).item() == pytest.approx(by_hand)
    assert offset_loss(embedded, texts[:1], 0, torch.zeros(3, 2), keep_near=0.5).item() == pytest.approx(0.2)


def test_a_label_is_embedded_in_templates_that_the_space_knows(tiny_model):
    class Photographer:
        def unknown_words(self, texts):
            return () if texts[0] in ("", "a photo of ") else ("a",)

    assert label_texts(Photographer(), "rain") == ("rain", "a photo of rain")
    assert embed_labels(tiny_model.joint_space, ("rain", "fire")).norm(dim=1).tolist() == pytest.approx([1.0, 1.0])


COLOURS = ("red", "green", "blue")


class ColourSpace:
    """A space that is understood at once: pictures are their mean colour, words are colours."""

    def embed_images(self, images):
        return torch.nn.functional.normalize(images.mean((2, 3)) + 1, dim=1)

    def embed_texts(self, texts):
        return torch.eye(3)[[COLOURS.index(text) for text in texts]]

    def unknown_words(self, texts):
        return tuple(word for text in texts for word in text.split() if word not in COLOURS)


@pytest.mark.slow
def test_refined_offsets_lead_more_starts_to_their_label(tiny_model):
    found = find_label_directions(tiny_model.generator, ColourSpace(), COLOURS, LabelSearch(num_codes=32, num_steps=20, lr=0.2))
    assert found.offsets.shape == (3, 8, 24)
    assert found.before.sum() == pytest.approx(1.0)
    assert found.after.mean() > found.before.mean() + 0.2
    assert found.images.shape == (3, 32, 32, 3)


@pytest.mark.parametrize("labels", [(), ("rain", "rain"), ("rain", " ")])
def test_labels_must_be_names(tiny_model, labels):
    with pytest.raises(ConfigError, match=r"labels: got .* expected one or more different names"):
        find_label_directions(tiny_model.generator, tiny_model.joint_space, labels, SEARCH)


FEW_LATENTS = SoundInversionConfig(num_ws=4, bounds=(1, 2))


@pytest.mark.parametrize("config", [LANDSCAPES.sound_encoder, TINY.sound_encoder, PAPER_SOUND_INVERSION, FEW_LATENTS])
def test_an_encoders_configuration_is_read_off_its_layers(config):
    with torch.device("meta"):
        assert config_of_encoder(build_sound_encoder(config)) == config


@pytest.mark.parametrize("config", [LANDSCAPES.walker, TINY.walker, WalkerConfig(num_ws=16, w_dim=64, bounds=(4, 8), hidden=48, num_layers=3)])
def test_a_walkers_configuration_is_read_off_its_blocks(config):
    with torch.device("meta"):
        assert config_of_walker(build_walker(config)) == config


def test_ears_are_taken_over_where_heads_cannot_be(tiny_model):
    bundled = build_sound_encoder(LANDSCAPES.sound_encoder)
    encoder = encoder_for(tiny_model.generator, bundled)
    assert (encoder.num_ws, encoder.w_dim) == (8, 24)
    assert torch.equal(encoder.stages[2][0].residual[1].weight, bundled.stages[2][0].residual[1].weight)
    own = encoder_for(tiny_model.generator, tiny_model.sound_encoder)
    assert own is not tiny_model.sound_encoder
    assert all(torch.equal(a, b) for a, b in zip(own.parameters(), tiny_model.sound_encoder.parameters(), strict=True))


@pytest.mark.parametrize(("num_ws", "bounds"), [(3, (1, 2)), (6, (1, 2)), (7, (3, 6)), (14, (3, 6))])
def test_the_papers_groups_where_there_are_latents_enough(num_ws, bounds):
    assert few_shot_fit._bounds(num_ws) == bounds


def test_settings_that_cannot_be_are_told():
    wrong = {"num_steps": 0, "batch": 0, "rate": 0, "variants": 0, "quiet": 1.1, "follow_seconds": 0.01}
    for name, value in wrong.items():
        with pytest.raises(ConfigError, match=f"{name}: got"):
            SoundFitSettings(**{{"rate": "lr"}.get(name, name): value})
    assert (SoundFitSettings().variants, SoundFitSettings().quiet, SoundFitSettings().follow_seconds) == (4, 0.7, 0.35)
    SoundFitSettings(num_steps=1, batch=1, lr=1e-7, variants=1, quiet=0, follow_seconds=0.02)
    SoundFitSettings(num_steps=1_000_000, batch=4096, lr=1, variants=1000, quiet=1, follow_seconds=60)


def test_sounds_are_heard_as_they_are_then_otherwise_with_their_label_and_loudness():
    mel, sounds = LANDSCAPES.mel, [LabelledSound("steam", hiss(3, 1.0)), LabelledSound("whistle", tone(440, 1.5))]
    heard = few_shot_fit.analyse_labelled(sounds, ("whistle", "steam"), mel, 4.0, range(2), seed=5)
    assert heard.labels.tolist() == [1] * 8 + [0] * 12
    first = 0
    for index, (labelled, num_windows) in enumerate(zip(sounds, (4, 6), strict=True)):
        plain = labelled.sound.waveform[0].numpy()
        strength = loudness_envelope(plain, mel.sample_rate, 4.0, num_windows)
        for wave in (plain, augment_sound(plain, np.random.default_rng([5, index, 1]), mel.sample_rate)):
            rows = slice(first, first + num_windows)
            wanted = log_mel_windows(np.asarray(wave, np.float32), mel.sample_rate, mel, Fraction(4), num_windows)
            assert np.array_equal(heard.log_mels[rows], wanted)
            np.testing.assert_allclose(heard.strengths[rows], strength, atol=1e-6)
            first += num_windows


EARS = dataclasses.replace(TINY.sound_encoder, num_ws=8, w_dim=24, texture=4, texture_reach=0.25)
"""Their texture is averaged over three windows on each side."""


def test_a_texture_is_the_mean_over_what_is_around_in_its_own_sound():
    """Two sounds, of five and of six windows; of a window at an end there is less around."""
    encoder = build_sound_encoder(EARS).eval()
    with torch.no_grad():
        numbers = encoder.measure_textures(torch.rand(11, 1, 64, 64, generator=torch.Generator().manual_seed(0)))
        told = encoder.told_textures(numbers)
        around = few_shot_fit.Surroundings(numbers, np.array([0, 2, 4, 5, 10]), np.array([0, 0, 0, 5, 5]), np.array([4, 4, 4, 10, 10]))
        found = around.textures(encoder, np.array([4, 1, 0, 2, 3]))
    own = [slice(7, 11), slice(0, 5), slice(0, 4), slice(1, 5), slice(5, 9)]
    torch.testing.assert_close(found, torch.stack([told[some].mean(0) for some in own]), atol=1e-6, rtol=1e-5)


@pytest.mark.slow
def test_e_a_learns_by_the_distance_of_offsets_at_a_rate_that_rises_and_falls(monkeypatch):
    """The gradient is no longer than one; what is told at the end is the mean of the last tenth of the steps."""
    rates, norms, losses, far = [], [], [], []
    backward, distance = torch.Tensor.backward, torch.nn.functional.smooth_l1_loss
    monkeypatch.setattr(torch.Tensor, "backward", lambda self, *given: losses.append(self.item()) or backward(self, *given))

    def apart(one, other, **how):
        far.append((one.detach().clone(), other.clone()))
        return distance(one, other, **how)

    def note(optimiser, *_):
        (group,) = optimiser.param_groups
        rates.append(group["lr"])
        norms.append(float(torch.cat([parameter.grad.flatten() for parameter in group["params"] if parameter.grad is not None]).norm()))

    monkeypatch.setattr(few_shot_fit.F, "smooth_l1_loss", apart)
    hook = register_optimizer_step_pre_hook(note)
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64)).astype(np.uint8)
    windows = few_shot_fit.LabelledWindows(images, np.array([0, 1] * 3), np.linspace(0, 1, 6, dtype=np.float32))
    offsets = torch.randn(2, 8, 24, generator=torch.Generator().manual_seed(1))
    found = LabelDirections(("a", "b"), offsets, 1e-3, torch.zeros(2), torch.zeros(2), torch.zeros(2, 4, 4, 3, dtype=torch.uint8))
    encoder = build_sound_encoder(dataclasses.replace(EARS, texture_reach=0.0))
    try:
        loss = few_shot_fit.teach_offsets(encoder, windows, found, SoundFitSettings(num_steps=19, batch=4, lr=1e-3, quiet=0.5))
    finally:
        hook.remove()
    assert rates == pytest.approx([1e-3 * (step + 1) / 20 * (0.5 + 0.5 * math.cos(math.pi * step / 19)) for step in range(19)])
    assert norms == pytest.approx([1.0] * 19, abs=1e-3)
    assert losses == pytest.approx([float(torch.nn.functional.huber_loss(*pair, delta=0.5) / 0.5) for pair in far], rel=1e-4)
    assert loss == pytest.approx(losses[-1])
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder.training


@pytest.fixture(scope="module")
def fitted(tiny_model):
    settings = SoundFitSettings(search=SEARCH, num_steps=60, batch=16, lr=4e-3, variants=2)
    return fit_sounds(tiny_model.generator, tiny_model.joint_space, SOUNDS, mel=tiny_model.mel, settings=settings)


@pytest.mark.slow
def test_sounds_lead_to_the_offset_of_their_label(fitted):
    assert fitted.found.labels == ("whistle", "steam")
    assert fitted.agreement > 0.9
    assert fitted.loss < 0.1
    assert not any(parameter.requires_grad for parameter in (*fitted.encoder.parameters(), *fitted.walker.parameters()))


@pytest.mark.slow
def test_a_louder_moment_leads_further(fitted):
    wanted = wanted_offsets(fitted.found, np.array([0, 0, 1]), np.array([0.0, 1.0, 0.5]), quiet=0.4)
    shares = [(row / fitted.found.offsets[label]).mean().item() for row, label in zip(wanted, (0, 0, 1), strict=True)]
    assert shares == pytest.approx([0.4, 1.0, 0.7])


@pytest.mark.slow
def test_the_result_is_a_model_that_films(fitted, tiny_model, tmp_path):
    from sgvg_core.assembly import load_sound_encoder
    from sgvg_core.generation import generate

    save_sound_encoder(tmp_path / "ears.safetensors", fitted.encoder, fitted.encoder_config, fitted.mel, half=False)
    encoder, mel = load_sound_encoder(tmp_path / "ears.safetensors")
    assert mel == fitted.mel
    model = dataclasses.replace(tiny_model, sound_encoder=encoder, walker=fitted.walker).checked()
    video = generate(tone(500, 1.0), tmp_path / "film.mp4", model=model, start_from="random", fps=12)
    assert video.num_frames == 12


@pytest.mark.slow
def test_a_fit_stops_where_its_progress_says(tiny_model):
    def stop(done, total, note="", preview=None):
        if note.startswith("teach"):
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        fit_sounds(tiny_model.generator, tiny_model.joint_space, SOUNDS, settings=SoundFitSettings(search=SEARCH, num_steps=5), progress=stop)


def test_no_sounds_are_refused(tiny_model):
    with pytest.raises(ConfigError, match="labelled sounds: got none"):
        fit_sounds(tiny_model.generator, tiny_model.joint_space, [])


@pytest.mark.parametrize("pull", [0.0, 0.08])
def test_a_walker_that_follows_goes_where_the_sound_is_and_keeps_the_rest(pull):
    generator = torch.Generator().manual_seed(3)
    offsets = torch.randn(3, 1, 24, generator=generator) + 0.1 * torch.randn(3, 8, 24, generator=generator)
    centre = torch.randn(24, generator=generator)
    walker = analytic_walker(WalkerConfig(num_ws=8, w_dim=24, hidden=16, walk_rate=12.0), offsets, centre, 0.7)
    start = centre + torch.randn(1, 1, 24, generator=generator).expand(-1, 8, -1)
    walked = torch.cat(list(roll_out(walker, start, [0.8 * offsets[1].expand(48, -1, -1)], WalkSettings(pull=pull))))
    along = torch.linalg.pinv(offsets.mean(1))  # latents -> shares of the labels
    shares = (walked.mean(1) - centre) @ along
    assert shares[-1].tolist() == pytest.approx([0.0, 0.8, 0.0], abs=0.05)
    if pull == 0:
        first = (start.mean(1) - centre) @ along
        gone = (shares - shares.new_tensor([0.0, 0.8, 0.0])) / (first - first.new_tensor([0.0, 0.8, 0.0]))
        after = torch.arange(1, 49)[:, None] / 12
        assert torch.allclose(gone, torch.exp(-after / 0.35).expand(-1, 3), atol=1e-3)
    across = torch.eye(24) - along @ offsets.mean(1)
    kept = (walked.mean(1) - start.mean(1)) @ across
    assert kept.abs().max() < 1e-3


def test_a_walker_that_follows_needs_a_pair_of_units_for_each_label():
    with pytest.raises(ConfigError, match="walker hidden: got 16 units, expected 18 or more for 9 labels"):
        analytic_walker(WalkerConfig(num_ws=8, w_dim=24, hidden=16), torch.randn(9, 8, 24), torch.zeros(24), 1.0)
