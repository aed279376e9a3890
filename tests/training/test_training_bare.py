"""A bare machine trains: torch, numpy and safetensors are enough for the stages that the procedural world teaches."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sgvg_core.cli.main import build_parser, explained
from sgvg_core.environment import BARE, missing_package, packages_for

HERE = Path(__file__).parent


@pytest.mark.slow
def test_stages_run_without_any_package_that_reads_media(tmp_path):
    paths = os.pathsep.join([str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, HERE / "bare_child.py", tmp_path], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "generator sharpen judge walk"
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {
        "generator.safetensors", "judge.safetensors", "sound_encoder.safetensors", "walker.safetensors"
    }  # fmt: skip
    refusals = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(refusals) == 3  # joint-space, finetune and export, before they begin
    assert all(re.fullmatch(r"error: not installed: open_clip_torch; install with: .* -m pip install open_clip_torch", line) for line in refusals)
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("stage", ["generator", "sharpen", "judge", "walk", "card"])
def test_stages_of_the_world_ask_for_less_than_the_other_commands(stage):
    assert packages_for(["train", stage, "--work", "x"]) == packages_for(["--debug", "train"]) == BARE


@pytest.mark.parametrize("stage", ["joint-space", "finetune", "export", "all"])
def test_stages_with_clips_towers_ask_for_open_clip_too(stage):
    assert packages_for(["train", stage, "--work", "x"]) == (*BARE, "open_clip")


@pytest.mark.parametrize("words", ["", "generate a.wav", "train generator --data D", "train walk --recordings=R", "train sgvg", "train ablations"])
def test_whatever_decodes_files_asks_for_all(words):
    assert {"av", "PIL", "open_clip", "tqdm", *BARE} == set(packages_for(words.split()))


@pytest.mark.slow
def test_only_the_command_at_hand_is_imported():
    code = "import sys; from sgvg_core.cli.main import build_parser; build_parser(['train']); print([n for n in ('av', 'PIL') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=HERE.parents[1], check=True)
    assert done.stdout.strip() == "[]"
    assert "generate" in build_parser().format_help()


def test_a_package_that_a_stage_needs_is_named_with_the_command():
    code, words = explained(ModuleNotFoundError("No module named 'open_clip.model'", name="open_clip.model"))
    assert code == 2
    assert words.startswith("error: open_clip_torch isn't installed, which this needs; install with: ")
    assert words.endswith(" -m pip install open_clip_torch")
    assert missing_package(ModuleNotFoundError("No module named 'sgvg_core.nothing'", name="sgvg_core.nothing")) is None
