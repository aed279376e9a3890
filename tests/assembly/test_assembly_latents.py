"""Latents in files: every format and shape read, ours written, sizes compared in words."""

from pathlib import Path

import numpy as np
import pytest
import torch
from released_files import numbers
from safetensors.torch import save_file

from sgvg_core.assembly import load_latents, save_latents
from sgvg_core.errors import CheckpointError, ShapeError

L, D = 14, 12


@pytest.mark.parametrize("suffix", [".safetensors", ".npy", ".npz"])
@pytest.mark.parametrize("num_steps", [1, 5])
def test_written_latents_come_back_exactly(suffix: str, num_steps: int, tmp_path: Path) -> None:
    ws = numbers("ws", num_steps, L, D)
    save_latents(tmp_path / f"ws{suffix}", ws)
    assert torch.equal(load_latents(tmp_path / f"ws{suffix}", L, D), ws)
    assert [path.name for path in tmp_path.iterdir()] == [f"ws{suffix}"]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_other_programs_files(dtype: str, tmp_path: Path) -> None:
    ws = numbers("ws", 1, L, D)
    stored = ws.numpy().astype(dtype)
    np.savez(tmp_path / "projected_w.npz", w=stored)
    np.save(tmp_path / "one.npy", stored[0])
    np.save(tmp_path / "columns.npy", np.asfortranarray(stored[0]))
    torch.save(torch.from_numpy(stored), tmp_path / "walk.pt")
    torch.save({"latent": torch.from_numpy(stored[0]), "noise": [torch.zeros(1, 1, 4, 4)]}, tmp_path / "projection.pt")
    save_file({"latents": torch.from_numpy(stored)}, tmp_path / "foreign.safetensors")
    for path in tmp_path.iterdir():
        read = load_latents(path, L, D)
        assert read.shape == (1, L, D), path.name
        torch.testing.assert_close(read, ws, atol=2e-3 if dtype == "float16" else 1e-6, rtol=0, msg=path.name)


def test_one_latent_serves_all_layers(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", numbers("w", D).numpy())
    read = load_latents(tmp_path / "w.npy", num_ws=L)
    assert read.shape == (1, L, D)
    assert torch.equal(read[0, 3], numbers("w", D))
    assert load_latents(tmp_path / "w.npy").shape == (1, 1, D)


@pytest.mark.parametrize(("wanted", "said"), [((16, D), r"expected \[T, 16, 12\]"), ((L, 512), r"expected \[T, 14, 512\]")])
def test_latents_of_another_size_name_both(wanted: tuple[int, int], said: str, tmp_path: Path) -> None:
    save_latents(tmp_path / "ws.npy", numbers("ws", 3, L, D))
    with pytest.raises(ShapeError, match=rf"got latents of shape \[3, 14, 12\], {said}"):
        load_latents(tmp_path / "ws.npy", *wanted)


def test_what_is_no_latents_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "count.npy", np.arange(12).reshape(3, 4))
    with pytest.raises(CheckpointError, match="unknown checkpoint layout"):
        load_latents(tmp_path / "count.npy")
    with pytest.raises(CheckpointError, match="latents are written as"):
        save_latents(tmp_path / "ws.pt", numbers("ws", 1, L, D))
    for suffix in (".npy", ".safetensors"):
        with pytest.raises(CheckpointError, match="NaN or infinity"):
            save_latents(tmp_path / f"ws{suffix}", torch.full((1, L, D), float("inf")))
    with pytest.raises(ShapeError, match=r"got shape \[14, 12\]"):
        save_latents(tmp_path / "ws.npy", numbers("ws", L, D))
    assert [path.name for path in tmp_path.iterdir()] == ["count.npy"]
