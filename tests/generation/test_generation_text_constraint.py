import numpy as np
import pytest
import torch

from sgvg_core.assembly import build_generator, build_joint_space
from sgvg_core.config import CodeFeaturesConfig, GeneratorConfig, JointSpaceConfig
from sgvg_core.errors import Cancelled, ConfigError, ShapeError
from sgvg_core.generation import drawn_label
from sgvg_core.generation.seeded_start import random_start
from sgvg_core.generation.text_constraint import candidates_sheet, choose_start, read_prompts, wanted_direction

SMALL = GeneratorConfig(img_resolution=32, channels=(8, 8, 8, 8), z_dim=24, w_dim=12, mapping_layers=2, mapping_lr_multiplier=1.0,
                        code_features=CodeFeaturesConfig(num_classes=4, num_choices=2, num_values=3))
LAST = 12


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return build_generator(SMALL).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def space():
    torch.manual_seed(1)
    config = JointSpaceConfig(embed_dim=16, image_size=32, image_width=2, text_width=16, text_heads=2, text_layers=1, sound_widths=(4, 8),
                              words=("rain", "fire"))
    return build_joint_space(config).eval().requires_grad_(False)


class Colours:
    """A space that can be checked by eye: a picture is its mean colour, the words are the colours' names."""

    def embed_images(self, images):
        return torch.nn.functional.normalize(images.mean((2, 3)) + 1, dim=1)

    def embed_texts(self, texts):
        return torch.eye(3)[[("red", "green", "blue").index(text) for text in texts]]

    def unknown_words(self, texts):
        return ()


@torch.no_grad()
def colours_of(generator, num_codes):
    """The embedded mean colour of each candidate, found one by one."""
    starts = [random_start(generator, 5, first=i) for i in range(num_codes)]
    return torch.cat([Colours().embed_images(generator.synthesis(ws)) for ws in starts])


@pytest.mark.parametrize(("wanted", "column"), [("red", 0), ("green", 1), ("blue", 2)])
def test_the_nearest_image_wins(generator, wanted, column):
    ranked = choose_start(generator, Colours(), seed=5, num_codes=LAST, prompts=[(wanted, 1.0)], keep=4)
    scores = colours_of(generator, LAST)[:, column]
    assert ranked.order.tolist() == scores.sort(descending=True).indices[:4].tolist()
    torch.testing.assert_close(ranked.scores, scores, atol=1e-5, rtol=0)
    torch.testing.assert_close(ranked.best, random_start(generator, 5, first=int(scores.argmax())))


def test_candidates_are_of_all_classes_or_of_the_one_given():
    torch.manual_seed(0)
    config = GeneratorConfig(img_resolution=16, channels=(8, 8, 8), z_dim=8, c_dim=3, w_dim=12, mapping_layers=2, mapping_lr_multiplier=1.0)
    network = build_generator(config).eval().requires_grad_(False)
    ranked = choose_start(network, Colours(), seed=5, num_codes=LAST, prompts=[("red", 1.0)], keep=4, batch=5)
    assert ranked.drawn_labels == tuple(drawn_label(5, item, 3) for item in ranked.order.tolist())
    best = int(ranked.order[0])
    torch.testing.assert_close(ranked.best, random_start(network, 5, first=best, label=ranked.drawn_labels[0]))
    one = choose_start(network, Colours(), seed=5, num_codes=LAST, prompts=[("red", 1.0)], keep=4, label=2)
    assert one.drawn_labels == ()
    torch.testing.assert_close(one.best, random_start(network, 5, first=int(one.order[0]), label=2))
    assert candidates_sheet(ranked).shape == candidates_sheet(one).shape


def test_negative_prompts_lead_away_and_weights_count(generator):
    embedded = colours_of(generator, LAST)
    ranked = choose_start(generator, Colours(), seed=5, num_codes=LAST, prompts=[("red", 1.0), ("blue", 3.0)], negatives=[("green", 1.0)])
    torch.testing.assert_close(ranked.scores, 0.25 * embedded[:, 0] + 0.75 * embedded[:, 2] - embedded[:, 1], atol=1e-5, rtol=0)
    away = choose_start(generator, Colours(), seed=5, num_codes=LAST, negatives=[("green", 1.0)])
    assert away.order[0] == embedded[:, 1].argmin()


def test_the_sound_chooses_too_and_a_prompt_narrows_it(generator):
    embedded = colours_of(generator, LAST)
    sound = torch.nn.functional.normalize(torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.0, 0.4]]), dim=1)
    by_sound = choose_start(generator, Colours(), seed=5, num_codes=LAST, sound_embed=sound)
    torch.testing.assert_close(by_sound.scores, (embedded @ sound.T).mean(1), atol=1e-5, rtol=0)
    both = choose_start(generator, Colours(), seed=5, num_codes=LAST, sound_embed=sound, prompts=[("blue", 1.0)])
    torch.testing.assert_close(both.scores, by_sound.scores + embedded[:, 2], atol=1e-5, rtol=0)


def test_the_batch_changes_nothing(generator):
    one, many = (choose_start(generator, Colours(), seed=3, num_codes=11, prompts=[("red", 1.0)], keep=5, batch=batch) for batch in (1, 7))
    torch.testing.assert_close(one.scores, many.scores, atol=1e-5, rtol=0)
    assert one.order.tolist() == many.order.tolist()
    torch.testing.assert_close(one.ws, many.ws)
    assert (one.images.int() - many.images.int()).abs().max() <= 1


def test_more_candidates_keep_the_first_ones_and_never_score_worse(generator, space):
    few, many = (choose_start(generator, space, seed=3, num_codes=num, prompts=[("fire", 1.0)]) for num in (6, 20))
    torch.testing.assert_close(many.scores[:6], few.scores, atol=1e-5, rtol=0)
    assert many.scores[many.order[0]] >= few.scores[few.order[0]]
    other = choose_start(generator, space, seed=4, num_codes=6, prompts=[("fire", 1.0)])
    assert not torch.equal(other.scores, few.scores)


def test_words_that_were_never_learned_are_named(generator, space):
    ranked = choose_start(generator, space, seed=0, num_codes=2, prompts=[("fire dragon", 1.0)], negatives=[("neon rain", 1.0)])
    assert ranked.unknown_words == ("dragon", "neon")


def test_progress_counts_up_shows_the_best_and_can_stop(generator, space):
    seen = []
    choose_start(generator, space, seed=0, num_codes=10, prompts=[("fire", 1.0)], batch=4, progress=lambda *args: seen.append(args))
    assert [(done, total) for done, total, *_ in seen] == [(4, 10), (8, 10), (10, 10)]
    assert seen[-1][3].shape == (32, 32, 3)

    def stop(done, total, note="", preview=None):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        choose_start(generator, space, seed=0, num_codes=10, prompts=[("fire", 1.0)], progress=stop)


def test_the_sheet_shows_every_kept_candidate_best_first(generator, space):
    ranked = choose_start(generator, space, seed=0, num_codes=7, prompts=[("fire", 1.0)], keep=5)
    sheet = candidates_sheet(ranked, columns=3).numpy()
    assert sheet.shape == (2 * 144 + 2, 3 * 128 + 4, 3)
    best = ranked.images[0].numpy().repeat(4, 0).repeat(4, 1)
    assert np.array_equal(sheet[:128, :128], best)
    assert sheet[128:144, :128].max() > 200  # the line of text


@pytest.mark.parametrize(("line", "wanted"), [
    ("a campfire at night", (("a campfire at night", 1.0),)),
    ("night: 2; a campfire\nrain:0.5", (("night", 2.0), ("a campfire", 1.0), ("rain", 0.5))),
    ("scene: by the sea", (("scene: by the sea", 1.0),)), ("", ()), (" ; ", ())])
def test_prompts_are_read_from_a_line(line, wanted):
    assert read_prompts(line) == wanted


@pytest.mark.parametrize(("arguments", "error", "message"), [
    ({}, ConfigError, "neither a prompt nor a sound"),
    ({"prompts": [(" ", 1.0)]}, ConfigError, "got no words"),
    ({"prompts": [("red", -1.0)]}, ConfigError, "got weight -1.0, expected a number above 0"),
    ({"prompts": [("red", float("nan"))]}, ConfigError, "got weight nan"),
    ({"sound_embed": torch.zeros(3)}, ShapeError, r"sound_embed: got shape \[3\]")])
def test_bad_wishes_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        wanted_direction(Colours(), **arguments)


def test_bad_numbers_are_named(generator, space):
    with pytest.raises(ConfigError, match="number of candidates: got 0"):
        choose_start(generator, space, seed=0, num_codes=0, prompts=[("fire", 1.0)])
