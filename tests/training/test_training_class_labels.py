"""Class labels: what a conditional generator learns, its sheets, exact resume, and the way through export to a film of a class."""

import numpy as np
import pytest
import torch
from PIL import Image
from test_training_adversarial import SMALL, assert_same, real_images
from test_training_clip_commands import RUN, SMALL_SGVG, changed

from sgvg_core.assembly import load_discriminator, load_generator, save_joint_space
from sgvg_core.augmentation.adaptive import AugmentConfig
from sgvg_core.cli import main
from sgvg_core.errors import DataError
from sgvg_core.presets import TINY
from sgvg_core.randomness import generator_at
from sgvg_core.training.clips.adversarial import AdversarialTraining
from sgvg_core.training.clips.adversarial_config import AdversarialConfig
from sgvg_core.training.clips.class_labels import ClassLabels, class_labels
from sgvg_core.training.clips.images import open_images

COLOURS = torch.tensor([[0.8, -0.6, -0.6], [-0.6, 0.8, -0.6], [-0.6, -0.6, 0.8]])
SETTINGS = ["labels=true", "size=16", "channel_max=8", "batch=4", "r1_every=2", "augment.pictures_to_full=200"]
NUM_STEPS = 10


def words(data, work, *more):
    """The command line of a small training with labels."""
    policy = ["--threads", "1", "--device", "cpu", "--log-every", "1", "--sheet-every", str(NUM_STEPS)]
    return ["train", "generator", "--data", str(data), "--work", str(work), "--preset", "tiny", *changed(SETTINGS), *policy, *more]


@pytest.fixture(scope="module")
def whole(clip_data, tmp_path_factory):
    """A training on three classes that was never stopped."""
    work = tmp_path_factory.mktemp("whole")
    before = torch.get_num_threads()
    assert main(words(clip_data.folder, work, "--steps", str(NUM_STEPS))) == 0
    torch.set_num_threads(before)
    return work


@pytest.mark.slow
def test_both_networks_know_the_classes_of_the_data(whole, clip_data):
    generator, critic = load_generator(whole / "generator.safetensors"), load_discriminator(whole / "critic.safetensors")
    assert generator.c_dim == critic.c_dim == len(clip_data.labels) == 3
    z, c = torch.randn(4, 32), torch.eye(3)[[0, 1, 2, 0]]
    images = generator(z, c)
    assert critic(images, c).shape == (4, 1)
    assert not torch.allclose(generator(z[:1], c[:1]), generator(z[:1], c[1:2]))
    assert not torch.allclose(critic(images, c), critic(images, c.roll(1, 1)))


@pytest.mark.slow
def test_a_sheet_has_a_row_for_each_class(whole, clip_data):
    sheet = np.asarray(Image.open(whole / "adversarial" / "sheets" / f"step_{NUM_STEPS:08d}.png").convert("RGB"))
    assert sheet.shape[:2] == (3 * 18 - 2, 8 * 18 - 2), "three rows of two real pictures and six made ones, 16 px each, with gaps of 2"
    data = open_images(clip_data.folder, 16)
    first = class_labels(data).examples(1, 2)[0]
    assert data.label(first) == 1
    expected = ((data.image(first) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    assert np.array_equal(sheet[18:34, :16], expected)


@pytest.mark.slow
def test_stopped_and_started_again_it_ends_with_the_same_bits(whole, clip_data, tmp_path, capsys):
    before = torch.get_num_threads()
    for num_steps in (4, NUM_STEPS):
        assert main(words(clip_data.folder, tmp_path, "--steps", str(num_steps))) == 0
    torch.set_num_threads(before)
    assert "labels: 0 blue rain, 1 green clicks, 2 warm glow" in capsys.readouterr().out
    newest = f"adversarial/checkpoints/step_{NUM_STEPS:08d}.state"
    states = [torch.load(work / newest, weights_only=True) for work in (whole, tmp_path)]
    assert states[0]["extra"] == states[1]["extra"]
    assert_same(states[0]["parts"], states[1]["parts"], "stopped after 4")


@pytest.mark.slow
def test_what_is_made_learns_to_show_its_class():
    """Three colours: after a few steps a made picture has the colour of its class, whatever its code."""
    config = AdversarialConfig(
        size=8, channel_base=128, channel_max=16, z_dim=8, w_dim=16, batch=12, labels=True, r1_gamma=0.1, path_weight=0.0, generator_lr=0.01,
        critic_lr=0.01, style_mixing_prob=0.0, augment=AugmentConfig(kinds=()),
    )  # fmt: skip
    training = AdversarialTraining(config, classes=ClassLabels(("red", "green", "blue"), torch.arange(12) % 3))
    numbers = [item % 3 for item in range(12)]
    noise = torch.Generator().manual_seed(0)
    for step in range(25):
        training.step(step, COLOURS[numbers][:, :, None, None] + 0.1 * torch.randn(12, 3, 8, 8, generator=noise), numbers)
    with torch.no_grad():
        ws = training.G.mapping(torch.randn(12, 8, generator=noise), training.label_vectors(numbers))
        colours = training.G.synthesis(ws).mean((2, 3))
    assert (torch.cdist(colours, COLOURS).argmin(1) == torch.tensor(numbers)).float().mean() > 0.9


def test_codes_and_their_mixes_have_one_class_drawn_as_often_as_in_the_data():
    classes = ClassLabels(("a", "b"), torch.tensor([0, 1, 1, 1]))
    training = AdversarialTraining(SMALL, classes=classes)
    drawn = training.draw("generator", 3, range(4))
    assert drawn.c.shape == (4, 2)
    assert torch.equal(drawn.c.sum(1), torch.ones(4))
    assert torch.equal(training.draw("generator", 3, range(2, 4)).c, drawn.c[2:]), "an item draws the same alone"
    assert torch.equal(AdversarialTraining(SMALL).draw("generator", 3, range(4)).z, drawn.z), "labels change no other number"
    shares = [classes.draw(generator_at(1, "labels", 0, item)) for item in range(400)]
    assert 0.68 < np.mean(shares) < 0.82
    assert classes.vectors([1, 0]).tolist() == [[0, 1], [1, 0]]
    training.step(0, real_images(SMALL), [0, 1, 1, 1])


def test_data_without_labels_is_refused(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    assert main(words(tmp_path, tmp_path / "work")) == 2
    assert "labels: got true, but not every picture of this data has a label" in capsys.readouterr().err
    assert not (tmp_path / "work").exists()
    with pytest.raises(DataError, match="not every picture"):
        class_labels(open_images(tmp_path, 16))


def test_folders_of_images_are_classes(tmp_path):
    for name in ("brook/x/1.png", "storm/1.png", "storm/2.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / name)
    classes = class_labels(open_images(tmp_path, 16))
    assert classes.names == ("brook", "storm")
    assert classes.of_images.tolist() == [0, 1, 1]
    assert classes.examples(1, 2) == [1, 2]
    assert classes.examples(0, 2) == [0]


@pytest.mark.slow
def test_a_generator_with_labels_goes_through_training_and_export_to_a_film(whole, clip_data, tiny_model, tmp_path, capsys):
    where = ["--work", str(whole), "--data", str(clip_data.folder)]
    save_joint_space(tmp_path / "space.safetensors", tiny_model.joint_space, TINY.joint_space)
    space = ["--joint-space", str(tmp_path / "space.safetensors")]
    parts = ["--generator", str(whole / "generator.safetensors"), *space]
    assert main(["train", "sgvg", *where, *parts, *RUN, "--steps", "1", *changed([*SMALL_SGVG, "encoder.bounds=[1,2]", "walker.bounds=[1,2]"])]) == 0
    assert main(["train", "export", "--work", str(whole), "-o", str(tmp_path / "model")]) == 0
    assert main(["inspect", str(tmp_path / "model" / "generator.safetensors")]) == 0
    assert "labels: 3 (`generate --label` 0 to 2), 0 blue rain, 1 green clicks, 2 warm glow" in capsys.readouterr().out
    video = str(next((clip_data.folder.parent / "films").rglob("*.mp4")))
    for label in ("1", "0: 0.5, 2: 0.5"):
        film = tmp_path / f"film{label[0]}.mp4"
        assert main(["generate", video, "-o", str(film), "--model", str(tmp_path / "model"), "--label", label]) == 0
        assert film.stat().st_size > 1000
    assert main(["generate", video, "-o", str(tmp_path / "no.mp4"), "--model", str(tmp_path / "model"), "--label", "3"]) == 2
    assert "this generator knows 3 classes" in capsys.readouterr().err
