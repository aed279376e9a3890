"""``python -m sgvg_core train``: one command a stage; errors in one line."""

import json

import pytest

from sgvg_core.cli import main
from sgvg_core.cli.main import build_parser
from sgvg_core.cli.train import _settings


def test_a_stage_whose_parts_are_missing_names_the_command(tmp_path, capsys):
    assert main(["train", "walk", "--work", str(tmp_path), "--preset", "tiny"]) == 2
    said = capsys.readouterr().err
    assert "generator.safetensors: isn't there yet; make it with: python -m sgvg_core train generator --work" in said
    assert len(said.strip().splitlines()) == 1
    assert json.loads((tmp_path / "history.jsonl").read_text())["stage"] == "walk"


def test_options_become_settings(tmp_path):
    words = ["train", "finetune", "--work", str(tmp_path), "--minutes", "3,4.5", "--gan-loss", "logistic", "--lambda-enc", "5", "--clips", "9"]
    options = build_parser().parse_args([*words, "--threads", "1"])
    settings = _settings(options)
    assert options.minutes == (3.0, 4.5)
    assert (settings.finetune.gan_loss, settings.finetune.lambda_enc, settings.finetune.lambda_b) == ("logistic", 5.0, 0.1)
    assert (settings.num_clips, settings.num_scenes, settings.workers) == (9, 4200, 1)


def test_options_of_ears_become_settings(tmp_path):
    words = ["train", "joint-space", "--work", str(tmp_path), "--only-heads", "--temperature", "0.8", "--sure-from", "0.3"]
    settings = _settings(build_parser().parse_args([*words, "--set", "joint_space.real_share=0.6"]))
    assert (settings.joint_space.only_heads, settings.joint_space.only_sound, settings.joint_space.real_share) == (True, False, 0.6)
    assert (settings.config.joint_space.temperature, settings.config.joint_space.sure_from) == (0.8, 0.3)
    walk = _settings(build_parser().parse_args(["train", "walk", "--work", str(tmp_path), "--set", "real_share=0.4"]))
    assert (walk.real_share, walk.joint_space.real_share, walk.config.joint_space.sure_from) == (0.4, 0.5, 0.0)


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--minutes", "-3"], ["--gan-loss", "hinge"]])
def test_what_makes_no_sense_is_refused(words, tmp_path, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["train", "finetune", "--work", str(tmp_path), *words])
    assert words[0] in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["joint-space", "generator", "sgvg", "ablations"])
def test_the_number_of_readers_has_bounds(stage, tmp_path, capsys):
    words = ["train", stage, "--work", str(tmp_path), "--data", str(tmp_path), "--generator", "g.pkl", "--readers", "300"]
    with pytest.raises(SystemExit):
        build_parser(words).parse_args(words[: -4 if stage in ("joint-space", "generator") else None] + words[-2:])
    assert "argument --readers: got '300', expected a whole number from 0 to 256" in capsys.readouterr().err


def test_export_says_what_is_missing(tmp_path, capsys):
    assert main(["train", "export", "--work", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "has no generator, joint_space, judge, sound_encoder, walker yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
