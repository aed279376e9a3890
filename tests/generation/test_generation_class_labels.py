"""Labels of conditional generators: one class, a mix, or drawn by the seed; the same alone or among others."""

import pytest
import torch

from sgvg_core.errors import ConfigError
from sgvg_core.generation import compute_centres, drawn_label, labels_of_codes, read_label
from sgvg_core.generation.class_labels import label_vector
from sgvg_core.generation.seeded_start import draw_z, random_start
from sgvg_core.synthesis import Generator, StyleGAN2Generator, StyleGAN3Generator


def conditional(kind: str, c_dim: int = 4) -> Generator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if kind == "StyleGAN3":
            network: Generator = StyleGAN3Generator(16, (6, 6, 4), z_dim=8, c_dim=c_dim, w_dim=10, mapping_lr_multiplier=1.0)
        else:
            network = StyleGAN2Generator(16, (6, 6, 4), z_dim=8, c_dim=c_dim, w_dim=10, mapping_layers=2, mapping_lr_multiplier=1.0)
        network.w_avg.copy_(torch.randn(10))
    return network.eval().requires_grad_(False)


BOTH = pytest.mark.parametrize("kind", ["StyleGAN2", "StyleGAN3"])


@pytest.mark.parametrize(
    ("text", "label"),
    [("", None), ("  ", None), ("3", 3), (" 0 ", 0), ("3:1", {3: 1.0}), ("3: 0.7, 5: 0.3", {3: 0.7, 5: 0.3}), ("1; 2:3", {1: 1.0, 2: 3.0})],
)
def test_labels_are_read(text: str, label: object) -> None:
    assert read_label(text) == label


@pytest.mark.parametrize("text", ["cat", "3:much", "1.5", "3: 1: 2"])
def test_what_is_no_label_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"label: got .*expected the number of a class"):
        read_label(text)


def test_a_label_becomes_c() -> None:
    assert label_vector(2, 4).tolist() == [0, 0, 1, 0]
    torch.testing.assert_close(label_vector({0: 1.0, 3: 3.0}, 4), torch.tensor([0.25, 0, 0, 0.75]))
    for label, said in (
        (4, "label: got 4, expected 0 to 3: this generator knows 4 classes"),
        (-1, "label: got -1, expected 0 to 3"),
        ({1: 0.0}, "label 1: got the weight 0.0, expected a number above 0"),
        ({1: float("nan")}, "label 1: got the weight nan"),
        ({}, "label: got a mix of no classes"),
    ):
        with pytest.raises(ConfigError, match=said):
            label_vector(label, 4)


@BOTH
def test_a_start_has_its_label(kind: str) -> None:
    network = conditional(kind)
    z = draw_z(network, 7, 2)
    for label in (1, {0: 2.0, 3: 1.0}):
        c = label_vector(label, 4).expand(2, 4)
        assert torch.equal(random_start(network, 7, num_codes=2, label=label), network.mapping(z, c))
        usual = network.mapping(z, c, truncation_psi=0.5, truncation_cutoff=1)
        assert torch.equal(random_start(network, 7, num_codes=2, label=label, truncation_psi=0.5, truncation_cutoff=1), usual)
    images = network.synthesis(torch.cat([random_start(network, 7, label=label) for label in (0, 1)]))
    assert (images[0] - images[1]).abs().mean() > 1e-3 * images.std()


@BOTH
def test_without_a_label_each_code_draws_one_the_same_in_any_batch(kind: str) -> None:
    network = conditional(kind)
    drawn = [drawn_label(7, item, 4) for item in range(40)]
    assert set(drawn) == {0, 1, 2, 3}
    free = random_start(network, 7, num_codes=40)
    for item in (0, 5, 39):
        torch.testing.assert_close(random_start(network, 7, first=item), free[item : item + 1])
        torch.testing.assert_close(random_start(network, 7, first=item, label=drawn[item]), free[item : item + 1])


@BOTH
def test_centres_may_be_those_of_one_class(kind: str) -> None:
    network = conditional(kind)
    calls: list[tuple[float, str]] = []
    centres = compute_centres(network, 2, num_codes=700, label=1, progress=lambda done, total, note="", preview=None: calls.append((done, note)))
    assert torch.equal(centres, compute_centres(network, 2, num_codes=700, label={1: 5.0}))
    assert not torch.equal(centres, compute_centres(network, 2, num_codes=700))
    assert [done for done, note in calls if note == "codes"] == [500, 700]
    assert {note for _, note in calls} == {"codes", "first centres", "clusters"}

    def stop(done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        if note == "clusters":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute_centres(network, 2, num_codes=50, progress=stop)


def test_a_generator_without_labels_says_so() -> None:
    network = conditional("StyleGAN2", c_dim=0)
    assert labels_of_codes(network, None, 0, [0, 1]) is None
    for call in (lambda: random_start(network, 0, label=3), lambda: compute_centres(network, 1, num_codes=5, label=3)):
        with pytest.raises(ConfigError, match="label: got 3, but this generator was trained without labels; leave it out"):
            call()
