"""I3D: its sizes, TensorFlow's padding, the two layouts of its weights, and files that are something else."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from sgvg_core.errors import CheckpointError
from sgvg_core.evaluation.networks.i3d import I3D, load_i3d, pad_same, rename_i3d


@pytest.fixture(scope="module")
def network() -> I3D:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return I3D(7).eval().requires_grad_(False)


def _as_pytorch_i3d(name: str) -> str:
    """One of our names in the layout of pytorch-i3d, written down independently of the reader."""
    name = re.sub(r"^conv_(1a)", r"Conv3d_\1_7x7", name)
    name = re.sub(r"^conv_(2b)", r"Conv3d_\1_1x1", name)
    name = re.sub(r"^conv_(2c)", r"Conv3d_\1_3x3", name)
    name = name.replace("mixed.mixed_", "Mixed_").replace(".plain.", ".b0.").replace(".pooled.", ".b3b.")
    name = name.replace(".first.0.", ".b1a.").replace(".first.1.", ".b1b.").replace(".second.0.", ".b2a.").replace(".second.1.", ".b2b.")
    return name.replace("classes.", "logits.conv3d.").replace(".conv.", ".conv3d.").replace(".norm.", ".bn.")


def _as_kinetics_i3d(name: str) -> str:
    """The same in the layout of kinetics_i3d_pytorch."""
    name = _as_pytorch_i3d(name).replace("Conv3d_", "conv3d_").replace("Mixed_", "mixed_").replace("logits.", "conv3d_0c_1x1.")
    for theirs, ours in {"b0": "branch_0", "b1a": "branch_1.0", "b1b": "branch_1.1", "b2a": "branch_2.0", "b2b": "branch_2.1"}.items():
        name = name.replace(f".{theirs}.", f".{ours}.")
    return name.replace(".b3b.", ".branch_3.1.").replace(".bn.", ".batch3d.")


def test_the_full_network_has_as_many_numbers_as_the_authors() -> None:
    with torch.device("meta"):
        full = I3D(400)
    assert sum(parameter.numel() for parameter in full.parameters()) == 12_697_264


@pytest.mark.slow
@pytest.mark.parametrize("rename", [_as_pytorch_i3d, _as_kinetics_i3d, lambda name: "module." + _as_pytorch_i3d(name)])
def test_both_layouts_are_read(network: I3D, rename: Callable[[str], str], tmp_path: Path) -> None:
    theirs = {rename(name): tensor for name, tensor in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    torch.save({"state_dict": theirs}, tmp_path / "i3d.pt")
    read = load_i3d(tmp_path / "i3d.pt")
    assert read.state_dict().keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in read.state_dict().items())
    assert not read.training


class _Holder(torch.nn.Module):
    """Tensors by dotted names, as a module that TorchScript can save."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    def put(self, name: str, tensor: torch.Tensor) -> None:
        head, _, rest = name.partition(".")
        if not rest:
            self.register_buffer(head, tensor)
            return
        if not hasattr(self, head):
            self.add_module(head, _Holder())
        getattr(self, head).put(rest, tensor)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_of_a_torchscript_archive_the_tensors_are_read(network: I3D, tmp_path: Path) -> None:
    holder = _Holder()
    for name, tensor in network.state_dict().items():
        holder.put(_as_pytorch_i3d(name), tensor)
    torch.jit.script(holder).save(tmp_path / "i3d_torchscript.pt")
    read = load_i3d(tmp_path / "i3d_torchscript.pt")
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in read.state_dict().items())


def test_what_is_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"aren't those of I3D \(fc.weight.*i3d_pretrained_400.pt"):
        load_i3d(tmp_path / "other.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(CheckpointError, match="no state dict of I3D"):
        load_i3d(tmp_path / "list.pt")
    assert rename_i3d({"Mixed_3b.b9.conv3d.weight": torch.zeros(1)}).keys() == {"Mixed_3b.b9.conv3d.weight"}


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "before", "behind"),
    [(224, 7, 2, 2, 3), (112, 3, 2, 0, 1), (7, 3, 1, 1, 1), (15, 2, 2, 0, 1), (16, 7, 2, 2, 3), (7, 7, 2, 3, 3)],
)
def test_padding_is_tensorflows_same(size: int, kernel: int, stride: int, before: int, behind: int) -> None:
    x = torch.ones(1, 1, size, 1, 1)
    padded = pad_same(x, (kernel, 1, 1), (stride, 1, 1))[0, 0, :, 0, 0]
    assert padded.tolist() == [0.0] * before + [1.0] * size + [0.0] * behind
    assert (len(padded) - kernel) // stride + 1 == -(-size // stride)


@pytest.mark.slow
@pytest.mark.skipif("I3D_DIR" not in os.environ, reason="I3D_DIR: a folder with pytorch_i3d.py of pytorch-i3d")
def test_the_same_scores_as_pytorch_i3d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [os.environ["I3D_DIR"], *sys.path])
    import pytorch_i3d  # type: ignore[import-not-found]

    torch.manual_seed(0)
    theirs = pytorch_i3d.InceptionI3d(400, in_channels=3).eval()
    for part in theirs.modules():
        if isinstance(part, torch.nn.BatchNorm3d):
            part.running_mean.normal_(0, 0.1)
            part.running_var.uniform_(0.5, 2)
        if isinstance(part, torch.nn.Conv3d):
            torch.nn.init.kaiming_normal_(part.weight)
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    clips = torch.rand(1, 3, 16, 224, 224) * 2 - 1
    with torch.no_grad():
        wanted = theirs(clips).mean(2)
        assert torch.allclose(load_i3d(tmp_path / "theirs.pt")(clips), wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())
