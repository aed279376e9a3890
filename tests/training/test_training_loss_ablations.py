"""`train ablations`: every term left out once, from the same start, and one table; stopped, it resumes."""

import dataclasses
import json

import pytest
import torch
from test_training_clip_commands import SMALL_SGVG, changed

from sgvg_core.assembly import load_sound_encoder, load_walker, save_generator, save_joint_space
from sgvg_core.cli import main
from sgvg_core.presets import TINY
from sgvg_core.training.clips.loss_ablations import ALL_TERMS, START, TERMS, variants_of
from sgvg_core.training.clips.sgvg_config import CLIP_SGVG_PRESETS, SgvgTerms

NUM_STEPS = 2
KEYS = [ALL_TERMS, *(f"without_{term}" for term in TERMS)]


def words(clip_data, folder, *more):
    parts = ["--generator", str(folder / "generator.safetensors"), "--joint-space", str(folder / "space.safetensors")]
    run = ["--preset", "tiny", "--steps", str(NUM_STEPS), "--clips", "2", "--seconds", "0.5", "--readers", "0", "--device", "cpu"]
    return ["train", "ablations", "--work", str(folder / "work"), "--data", str(clip_data.folder), *parts, *run, *changed(SMALL_SGVG), *more]


@pytest.fixture(scope="module")
def folder(tiny_model, tmp_path_factory):
    made = tmp_path_factory.mktemp("ablations")
    save_generator(made / "generator.safetensors", tiny_model.generator, TINY.generator)
    save_joint_space(made / "space.safetensors", tiny_model.joint_space, TINY.joint_space)
    return made


def weights(folder):
    return {**load_sound_encoder(folder / "sound_encoder.safetensors")[0].state_dict(), **load_walker(folder / "walker.safetensors").state_dict()}


@pytest.mark.slow
def test_one_command_trains_all_and_prints_one_table(folder, clip_data, monkeypatch, capsys):
    with monkeypatch.context() as patch:  # stopped in the middle of the third training
        from sgvg_core.training.clips import sgvg as clip_sgvg

        step = clip_sgvg.ClipSgvgTraining.step

        def stop(self, number, walks):
            if not self.config.terms.sound_text and number == 1:
                raise KeyboardInterrupt
            step(self, number, walks)

        patch.setattr(clip_sgvg.ClipSgvgTraining, "step", stop)
        assert main(words(clip_data, folder)) == 130
    work = folder / "work"
    before = (work / ALL_TERMS / "sound_encoder.safetensors").stat().st_mtime_ns
    assert (work / "without_sound_image" / "walker.safetensors").exists()
    assert not (work / "without_sound_text" / "walker.safetensors").exists()
    capsys.readouterr()

    assert main(words(clip_data, folder)) == 0
    table = capsys.readouterr().out
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    names = ["all terms", *TERMS.values(), "the start of all (warm start, no loss of the paper)"]
    assert [row.split("|")[1].strip() for row in rows[1:]][: len(names)] == names
    assert (work / "table.md").read_text() == table
    assert "| all terms less |" in table
    said = json.loads((work / "table.json").read_text())
    assert (said["steps"], said["data"], len(said["table"]["rows"])) == (NUM_STEPS, clip_data.hash, len(names))
    assert {"t<->v", "a<->v", "a<->v in time"} <= {column["name"] for column in said["table"]["columns"]}
    assert (work / ALL_TERMS / "sound_encoder.safetensors").stat().st_mtime_ns == before, "what's finished is left alone"

    start = weights(work / START)
    for key in KEYS:
        log = [json.loads(line) for line in (work / key / "clip_sgvg" / "metrics.jsonl").read_text().splitlines()]
        assert log[-1]["step"] == NUM_STEPS
        terms = {name for line in log for name in line} & set(TERMS)
        assert terms == set(TERMS) - {key.removeprefix("without_")}, key
        found = weights(work / key)
        assert not all(torch.equal(found[name], start[name]) for name in start), f"{key} has learned nothing"


@pytest.mark.slow  # goes on where the one before ends
def test_other_settings_need_another_folder(folder, clip_data, capsys):
    assert main(words(clip_data, folder, "--set", "lambda_b=0.5")) == 2
    assert "was made with other settings, data, generator or joint space" in capsys.readouterr().err


def test_only_terms_that_count_are_left_out():
    config = dataclasses.replace(CLIP_SGVG_PRESETS["tiny"], terms=SgvgTerms(sound_image=False), lambda_b=0.0)
    variants = variants_of(config)
    assert list(variants) == [ALL_TERMS, "without_sound_text", "without_video", "without_image"]
    assert set(variants["without_video"].weights) == {"sound_text", "image"}
