"""From a data set of clips to a model folder and a film, by the commands as a person types them."""

import json

import pytest
import safetensors.torch
import torch

from sgvg_core.assembly import load_model, save_generator
from sgvg_core.checkpoints.weights import read_weights, write_weights
from sgvg_core.cli import main
from sgvg_core.presets import TINY
from sgvg_core.training.clips.export import without_doubts

SMALL_SPACE = ["space.embed_dim=16", "space.image_size=32", "space.image_width=4", "space.text_width=16", "space.text_heads=2",
               "space.text_layers=1", "space.sound_widths=[8,8]", "space.sound_statistics=8", "batch=8", "num_test=4"]  # fmt: skip
SMALL_SGVG = ["encoder.widths=[8,8,8,8]", "encoder.pyramid_width=8", "walker.hidden=16", "warm_start.num_steps=2", "warm_start.search.num_codes=8",
              "warm_start.search.num_steps=1", "critics.image_size=16", "critics.image_widths=[8]", "critics.video_widths=[8]"]  # fmt: skip
RUN = ["--device", "cpu", "--readers", "0", "--sheet-every", "0", "--preset", "tiny"]


def changed(settings):
    return [word for setting in settings for word in ("--set", setting)]


@pytest.fixture(scope="module")
def work(tiny_model, clip_data, tmp_path_factory):
    """A work folder after both stages."""
    folder = tmp_path_factory.mktemp("own")
    save_generator(folder / "generator.safetensors", tiny_model.generator, TINY.generator)
    where = ["--work", str(folder / "work"), "--data", str(clip_data.folder)]
    assert main(["train", "joint-space", *where, *RUN, "--steps", "3", *changed(SMALL_SPACE)]) == 0
    space = str(folder / "work" / "joint_space.safetensors")
    parts = ["--generator", str(folder / "generator.safetensors"), "--joint-space", space]
    losses = ["--lambda-enc", "3", "--without", "image", "--still", "fine", "--gan-loss", "logistic"]
    assert main(["train", "sgvg", *where, *parts, *RUN, "--steps", "2", *losses, *changed(SMALL_SGVG)]) == 0
    return folder / "work"


@pytest.mark.slow
def test_a_model_made_of_clips_is_exported_and_films(work, clip_data, tmp_path):
    (tmp_path / "table.md").write_text("| method | FVD |\n|---|---|\n| ours | 1 |\n")
    words = ["--table", str(tmp_path / "table.md"), "--licence", "CC BY 4.0, as its data"]
    assert main(["train", "export", "--work", str(work), "-o", str(tmp_path / "model"), *words]) == 0
    model = load_model(tmp_path / "model", "cpu")
    assert model.joint_space.labels == clip_data.labels
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    space = "train joint-space --work DIR --data DATA --preset tiny --steps 3 --set " + " --set ".join(SMALL_SPACE)
    command = "train sgvg --work DIR --data DATA --generator FILE --joint-space joint_space.safetensors --preset tiny --steps 2 --set"
    told = "9 clips to train on and 3 to test on", "| ours | 1 |", "CC BY 4.0, as its data", '"lambda_enc": 3.0'
    for said in (clip_data.hash, *told, space, command):
        assert said in card, said
    assert str(work) not in card, "folders of this machine stay out of the card"
    video = next((clip_data.folder.parent / "films").rglob("*.mp4"))
    assert main(["generate", str(video), "-o", str(tmp_path / "film.mp4"), "--model", str(tmp_path / "model")]) == 0
    assert (tmp_path / "film.mp4").stat().st_size > 1000


@pytest.mark.slow
def test_switches_become_settings(work):
    config = json.loads((work / "clip_sgvg" / "config.json").read_text())
    assert (config["lambda_enc"], config["gan_loss"], config["blocks"], config["num_steps"]) == (3.0, "logistic", ["coarse", "mid"], 2)
    assert config["terms"] == {"sound_image": True, "sound_text": True, "spread": True, "video": True, "image": False}


@pytest.mark.slow
def test_another_generator_is_refused_by_the_run_and_by_the_export(work, clip_data, tiny_model, tmp_path, capsys):
    inputs = json.loads((work / "inputs.json").read_text())
    changed_inputs = {**inputs, "files": {**inputs["files"], "generator": {**inputs["files"]["generator"], "sha256": "0" * 64}}}
    (work / "inputs.json").write_text(json.dumps(changed_inputs))
    assert main(["train", "export", "--work", str(work), "-o", str(tmp_path / "out")]) == 2
    assert "isn't the generator that the run was made with" in capsys.readouterr().err
    (work / "inputs.json").write_text(json.dumps(inputs))


@pytest.mark.slow
def test_the_card_says_what_is_missing(work, tmp_path):
    assert main(["train", "export", "--work", str(work), "-o", str(tmp_path / "model")]) == 0
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text()
    assert "Not measured yet" in card
    assert "Not stated. The licences of the data" in card


@pytest.mark.slow
def test_labelled_sounds_alone(clip_data, work, tmp_path, capsys):
    generator = str(work.parent / "generator.safetensors")
    quick = changed(["search.num_codes=8", "search.num_steps=1", "variants=1", "batch=8"])
    words = ["--labelled-sounds", str(clip_data.folder), "--generator", generator, "--joint-space", str(work / "joint_space.safetensors")]
    assert main(["train", "sgvg", "--work", str(tmp_path / "fit"), *words, *RUN, "--steps", "3", *quick]) == 0
    assert "blue rain: " in capsys.readouterr().out
    report = json.loads((tmp_path / "fit" / "sound_fit" / "report.json").read_text())
    assert report["data"] == clip_data.hash
    assert set(report["starts_that_show_the_label"]) == set(clip_data.labels)
    assert main(["train", "export", "--work", str(tmp_path / "fit"), "-o", str(tmp_path / "model")]) == 0
    assert "The fit to labelled sounds" in (tmp_path / "model" / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize(("labels", "doubts"), [(("rain", "piano"), 0.0), (("rain",), 0.4), ((), 0.4)])
def test_a_joint_space_that_does_not_know_all_labels_doubts_no_sound(tmp_path, labels, doubts):
    path, state = tmp_path / "joint_space.safetensors", {"a": torch.arange(3.0), "b": torch.ones(2, dtype=torch.float16)}
    without_doubts(path, labels)  # there's none: nothing to do
    write_weights(path, state, kind="joint_space", config={"labels": ["rain", "fire"], "sure_from": 0.4, "temperature": 0.7}, extra={"c": 1})
    before = path.read_bytes()
    without_doubts(path, labels)
    stored = read_weights(path, "joint_space")
    assert stored.config == {"labels": ["rain", "fire"], "sure_from": doubts, "temperature": 0.7}
    assert stored.extra == {"c": 1}
    tensors = safetensors.torch.load_file(path)
    assert all(torch.equal(tensors[name], tensor) and tensors[name].dtype == tensor.dtype for name, tensor in state.items())
    assert (path.read_bytes() == before) == bool(doubts)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "terms.sound=false"], "unknown setting 'sound'"),
        (["--without", "image", "--set", "num_steps=0"], "num_steps: got 0"),
    ],
)
def test_mistakes_are_named(work, clip_data, tmp_path, capsys, words, message):
    parts = ["--generator", str(work.parent / "generator.safetensors"), "--data", str(clip_data.folder)]
    assert main(["train", "sgvg", "--work", str(tmp_path / "w"), *parts, *RUN, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
