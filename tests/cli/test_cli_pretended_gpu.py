"""Whole commands on a device that isn't the CPU: nothing is left behind on the CPU, nothing is taken from the device unasked."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pretended_gpu import DEVICE, OnDevice, PretendedGPU

from sgvg_core.assembly import SoundModel
from sgvg_core.media import read_video_frames


def test_the_device_refuses_what_a_gpu_refuses() -> None:
    with PretendedGPU():
        there, here = torch.ones(3, device=DEVICE), torch.arange(3.0)
        assert isinstance(there, OnDevice)
        assert (there + 1).device == DEVICE
        assert (there * here.to(DEVICE)).cpu().tolist() == [0, 1, 2]
        for wrong in (
            lambda: there + here,
            lambda: here[there.long()],
            lambda: there.numpy(),
            lambda: torch.rand(3, device=DEVICE, generator=torch.Generator()),
        ):
            with pytest.raises((RuntimeError, TypeError)):
                wrong()


def test_gradients_are_those_of_the_cpu() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 5, 5), torch.randn(3, 4, 3, 3, requires_grad=True)
    torch.nn.functional.conv2d(x, weight).square().sum().backward()
    with PretendedGPU():
        own = weight.detach().to(DEVICE).requires_grad_()
        torch.nn.functional.conv2d(x.to(DEVICE), own).square().sum().backward()
        assert torch.equal(own.grad.cpu(), weight.grad)  # type: ignore[union-attr, arg-type]


@pytest.mark.slow
def test_films_and_edits_are_made_on_the_device(pack_root: Path, tiny_model: SoundModel, tiny_model_folder: Path, tmp_path: Path) -> None:
    sound, film, picture = pack_root / "workflows" / "assets" / "campfire.opus", tmp_path / "film.mp4", tmp_path / "edited.png"
    np.save(tmp_path / "latents.npy", tiny_model.generator.w_avg.expand(1, tiny_model.generator.num_ws, -1).numpy())
    curves = ("--curve", "mid=loudness, noise=onset", "--noise", "seeded")
    commands = (
        ("generate", sound, "-o", film, "--length", "0.5", "--fps", "4", "--candidates", "2", *curves),
        ("edit", tmp_path / "latents.npy", "-o", picture, "--edit", "direction=pca:0; strength=1"),
    )
    words = [str(word) for command in commands for word in (*command, "--model", tiny_model_folder, "++")][:-1]
    done = subprocess.run([sys.executable, pack_root / "tests" / "pretended_gpu.py", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(list(read_video_frames(film))) == 2
    assert picture.exists()
