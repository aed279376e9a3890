"""`train generator --data --init-from`: training starts from files as people own them, and what doesn't fit is told in one line."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from foreign_networks import FILTER, converted_shapes, filled, persistent, synthesis_attributes, write_pickle
from own_files import write_stylegan3_pickle
from PIL import Image

from sgvg_core.assembly import build_discriminator, build_generator, load_discriminator, load_generator, save_discriminator, save_generator
from sgvg_core.cli import main
from sgvg_core.config import DiscriminatorConfig, GeneratorConfig
from sgvg_core.training.clips.adversarial import AdversarialTraining
from sgvg_core.training.clips.adversarial_config import ADVERSARIAL_PRESETS
from sgvg_core.training.clips.class_labels import ClassLabels
from sgvg_core.training.clips.init_from import read_initial_networks

SIZES = GeneratorConfig(16, (8, 7, 6), z_dim=5, w_dim=6, mapping_layers=3, conv_clamp=2.0)
CRITIC = DiscriminatorConfig(16, (8, 7, 6), conv_clamp=3.0, mapping_layers=0, mbstd_group_size=2)
CONFIG = dataclasses.replace(ADVERSARIAL_PRESETS["tiny"], size=16, batch=4)


def weights(network, scale=1.0):
    return {name: scale * tensor for name, tensor in filled({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}).items()}


def network_of(state, name="Generator"):
    filters = {key.replace("weight", "resample_filter"): FILTER for key in state if key.endswith("conv0.weight")}
    clamp = SIZES.conv_clamp if name == "Generator" else CRITIC.conv_clamp
    return persistent({**state, **filters}, synthesis_attributes(state, clamp, 0.01), name)


def save_fresh(path, **changed):
    """A generator with random weights, of these sizes but for what is changed."""
    config = dataclasses.replace(SIZES, **changed)
    save_generator(path, build_generator(config), config)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A snapshot of NVIDIA's training: G, D and G_ema of 16 px, of sizes that no preset has."""
    parts = {"G": weights(build_generator(SIZES)), "D": weights(build_discriminator(CRITIC)), "G_ema": weights(build_generator(SIZES), 0.9)}
    networks = {name: network_of(state, "Discriminator" if name == "D" else "Generator") for name, state in parts.items()}
    return write_pickle(tmp_path_factory.mktemp("owned") / "own.pkl", networks), parts


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(6):
        Image.fromarray((np.random.default_rng(index).random((16, 16, 3)) * 255).astype(np.uint8)).save(folder / f"{index}.png")
    return folder


def words(images, work, file, *more):
    run = ["--preset", "tiny", "--set", "batch=4", "--set", "size=16", "--threads", "1", "--device", "cpu", "--sheet-every", "0", "--log-every", "1"]
    return ["train", "generator", "--data", str(images), "--work", str(work), "--begin-with", str(file), *run, *more]


def test_all_three_networks_of_a_snapshot_are_taken(snapshot):
    path, parts = snapshot
    initial = read_initial_networks(path, CONFIG)
    assert initial.generator == SIZES
    assert dataclasses.replace(CRITIC, mbstd_group_size=CONFIG.mbstd_group_size) == initial.D
    training = AdversarialTraining(CONFIG, initial=initial)
    for network, name in ((training.G, "G"), (training.D, "D"), (training.G_ema, "G_ema")):
        state = network.state_dict()
        assert all(torch.equal(state[key], tensor) for key, tensor in parts[name].items()), name
    assert initial.notes == ("begins with own.pkl: 16 px, its averaged and its running generator, the discriminator of own.pkl",)


@pytest.mark.slow
def test_it_goes_on_from_the_file_and_after_a_stop_with_the_same_bits(snapshot, images, tmp_path, capsys):
    path, parts = snapshot
    before = torch.get_num_threads()
    for work, stops in (("whole", (4,)), ("stopped", (2, 4))):
        for stop in stops:
            assert main(words(images, tmp_path / work, path, "--steps", str(stop))) == 0
    torch.set_num_threads(before)
    assert "begins with own.pkl: 16 px" in capsys.readouterr().out
    for name in ("generator.safetensors", "critic.safetensors"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
    made, critic = (load(tmp_path / "whole" / name) for load, name in
                    ((load_generator, "generator.safetensors"), (load_discriminator, "critic.safetensors")))  # fmt: skip
    moved = (made.synthesis.b4.const - parts["G_ema"]["synthesis.b4.const"]).abs().max()
    assert 0 < moved < 0.05, "the average goes on from the file's, it isn't begun anew"
    assert 0 < (critic.b4.fc.weight - parts["D"]["b4.fc.weight"]).abs().max() < 0.05
    assert json.loads((tmp_path / "whole" / "history.jsonl").read_text())["init-from"] == "own.pkl"
    assert json.loads((tmp_path / "whole" / "adversarial" / "config.json").read_text())["ema_ramp"] is None


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_beginning_only(snapshot, images, tmp_path, capsys):
    path, _ = snapshot
    assert main(words(images, tmp_path, path, "--steps", "1")) == 0
    other = tmp_path / "other.pkl"
    write_pickle(other, {"G_ema": network_of(weights(build_generator(SIZES), 0.5))})
    assert main(words(images, tmp_path, other, "--steps", "2")) == 2
    assert "this run was begun with other settings (begin_with was " in capsys.readouterr().err


def test_our_own_files_bring_the_discriminator_beside_them(tmp_path):
    generator, critic = build_generator(SIZES), build_discriminator(CRITIC)
    save_generator(tmp_path / "generator.safetensors", generator, SIZES, half=False)
    alone = read_initial_networks(tmp_path, CONFIG)
    assert alone.D_state is None
    assert alone.D.channels == SIZES.channels
    assert "no discriminator: that one begins anew" in alone.notes[0]
    save_discriminator(tmp_path / "critic.safetensors", critic, CRITIC, half=False)
    both = read_initial_networks(tmp_path, CONFIG)
    assert torch.equal(both.D_state["b4.fc.weight"], critic.state_dict()["b4.fc.weight"])
    assert both.hash != alone.hash
    save_discriminator(tmp_path / "critic.safetensors", build_discriminator(DiscriminatorConfig(8, (8, 7))), DiscriminatorConfig(8, (8, 7)))
    with pytest.raises(Exception, match=r"looks at 8 px and 0 classes, the generator of generator\.safetensors makes 16 px"):
        read_initial_networks(tmp_path, CONFIG)


def test_a_converted_file_trains(tmp_path):
    torch.save({"g_ema": filled(converted_shapes((8, 7, 6), 5, 2)), "latent_avg": torch.arange(5.0)}, tmp_path / "own.pt")
    training = AdversarialTraining(CONFIG, initial=read_initial_networks(tmp_path / "own.pt", CONFIG))
    assert torch.equal(training.G.w_avg, torch.arange(5.0))
    before = training.G.synthesis.b4.const.clone()
    training.step(0, torch.rand(4, 3, 16, 16) * 2 - 1)
    assert not torch.equal(training.G.synthesis.b4.const, before)


@pytest.mark.parametrize(
    ("make", "more", "said"),
    [
        (lambda path: None, ["--set", "size=32"], "size: got 32, but own.pkl makes pictures of 16 px; add --set size=16"),
        (write_stylegan3_pickle, [], "holds a StyleGAN3 generator, and this training is StyleGAN2's"),
        (lambda path: save_fresh(path, c_dim=2), [], "labels: got false, but other.safetensors knows 2 classes; add --set labels=true"),
        (lambda path: save_fresh(path, img_channels=1), [], "makes pictures of 16 x 16 with 1 channels, expected square ones in colour"),
        (lambda path: save_discriminator(path, build_discriminator(CRITIC), CRITIC), [], "expected a StyleGAN2 generator"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(snapshot, images, tmp_path, capsys, make, more, said):
    path = tmp_path / ("other.pkl" if make is write_stylegan3_pickle else "other.safetensors")
    make(path)
    assert main(words(images, tmp_path / "work", path if path.exists() else snapshot[0], *more)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_labels_and_classes_must_be_as_many(tmp_path):
    save_fresh(tmp_path / "two.safetensors", c_dim=2)
    with pytest.raises(Exception, match=r"labels: the data has 3, but two\.safetensors knows 2 classes; prepare data with as many labels"):
        read_initial_networks(tmp_path / "two.safetensors", CONFIG, 3)
    assert read_initial_networks(tmp_path / "two.safetensors", CONFIG, 2).D.cmap_dim == 8


CLASSES = ClassLabels(("fire", "rain", "sea"), torch.arange(6) % 3)


@pytest.mark.slow
def test_one_that_knows_no_labels_begins_with_the_same_images_and_answers_for_each(snapshot):
    path, _ = snapshot
    plain = AdversarialTraining(CONFIG, initial=read_initial_networks(path, CONFIG))
    grown = AdversarialTraining(CONFIG, classes=CLASSES, initial=read_initial_networks(path, CONFIG, 3))
    assert (grown.G_config.c_dim, grown.D_config.c_dim, grown.D_config.cmap_dim) == (3, 3, 8)
    for module in (plain.G, plain.D, grown.G, grown.D):
        module.requires_grad_(False)
    z = torch.randn(4, SIZES.z_dim, generator=torch.Generator().manual_seed(0))
    for number in range(3):
        c = CLASSES.vectors([number] * 4)
        for before, after in ((plain.G, grown.G), (plain.G_ema, grown.G_ema)):
            ws = before.mapping(z)
            assert torch.allclose(after.mapping(z, c), ws, atol=1e-5 * float(ws.abs().max()))
            assert torch.equal(after.synthesis(ws), before.synthesis(ws))
        images = plain.G_ema.synthesis(plain.G_ema.mapping(z)).clamp(-1, 1)
        answers = plain.D(images)
        assert torch.allclose(grown.D(images, c), answers, atol=1e-5 * float(answers.abs().max()))


def test_then_it_learns_to_tell_them(snapshot):
    """A few steps on pictures whose brightness is their class: what reads the label moves in both networks."""
    path, _ = snapshot
    training = AdversarialTraining(CONFIG, classes=CLASSES, initial=read_initial_networks(path, CONFIG, 3))
    real = torch.tensor([-1.0, 0.0, 1.0, -1.0])[:, None, None, None].expand(4, 3, 16, 16)
    for step in range(2):
        training.step(step, real, [0, 1, 2, 0])
    z, c = torch.ones(3, SIZES.z_dim), torch.eye(3)
    ws, answers = training.G.mapping(z, c), training.D(real[:1].expand(3, -1, -1, -1), c)
    assert (ws[0] - ws[1]).abs().max() > 1e-6
    assert (answers[0] - answers[1]).abs() > 1e-6
    assert all(parameter.grad.abs().sum() > 0 for parameter in (training.G.mapping.embed.weight, training.D.mapping.embed.weight))


@pytest.mark.slow
def test_growing_is_the_same_every_time(snapshot):
    path, _ = snapshot
    assert read_initial_networks(path, CONFIG, 3).hash == read_initial_networks(path, CONFIG, 3).hash != read_initial_networks(path, CONFIG).hash
    assert "it knew no labels" in read_initial_networks(path, CONFIG, 3).notes[1]
