"""What TensorBoard shows of a run, read back from its files by its own reader; skipped where the package isn't installed."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_training_clip_commands import changed

from sgvg_core.cli import main

event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def train(data, work, num_steps):
    policy = ["--steps", str(num_steps), "--threads", "1", "--device", "cpu", "--log-every", "2", "--sheet-every", "4", "--tensorboard"]
    settings = changed(["size=16", "channel_max=8", "batch=4", "r1_every=2"])
    before = torch.get_num_threads()
    assert main(["train", "generator", "--data", str(data), "--work", str(work), "--preset", "tiny", *settings, *policy]) == 0
    torch.set_num_threads(before)


@pytest.mark.slow
def test_numbers_and_samples_of_a_run_that_was_stopped_once(tmp_path):
    images, work = tmp_path / "pictures", tmp_path / "work"
    images.mkdir()
    for index in range(8):
        Image.fromarray((np.random.default_rng(index).random((16, 16, 3)) * 255).astype(np.uint8)).save(images / f"{index}.png")
    for num_steps in (4, 8):
        train(images, work, num_steps)
    found = event_accumulator.EventAccumulator(str(work / "adversarial" / "tensorboard"), size_guidance={"scalars": 0, "images": 0})
    found.Reload()

    lines = [json.loads(line) for line in (work / "adversarial" / "metrics.jsonl").read_text().splitlines()]
    logged = {line["step"]: line for line in lines if "generator_adversarial" in line}
    assert sorted(logged) == [2, 4, 6, 8]
    names = {"generator_adversarial", "critic_adversarial", "r1", "path_length", "augment_strength", "waiting_share"}
    assert names <= set(found.Tags()["scalars"])
    for name in ("generator_adversarial", "critic_adversarial"):
        assert {event.step: pytest.approx(event.value, rel=1e-4) for event in found.Scalars(name)} == {step: logged[step][name] for step in logged}

    assert found.Tags()["images"] == ["samples"]
    shown = {event.step: event for event in found.Images("samples")}
    assert sorted(shown) == [0, 4, 8]
    sheet = np.asarray(Image.open(work / "adversarial" / "sheets" / "step_00000008.png").convert("RGB"))
    (tmp_path / "shown.png").write_bytes(shown[8].encoded_image_string)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "shown.png").convert("RGB")), sheet)
