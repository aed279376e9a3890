"""Whose numbers a tensor has: every protocol, with a memo, without and with an optimised one, as torch and pickle themselves read it."""

import io
import pickle
import pickletools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sgvg_core.assembly import load_generator
from sgvg_core.checkpoints.plain import read_plain

NUM_TENSORS = 12


def fast(value: Any, protocol: int) -> bytes:
    """Without a memo: what is shared is written again."""
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol)
    pickler.fast = True
    pickler.dump(value)
    return file.getvalue()


WAYS: dict[str, Callable[[Any, int], bytes]] = {
    "plain": pickle.dumps,
    "optimised": lambda value, protocol: pickletools.optimize(pickle.dumps(value, protocol)),
    "fast": fast,
    "fast and optimised": lambda value, protocol: pickletools.optimize(fast(value, protocol)),
}


def tensors(dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    """Tensors of one shape and other numbers, some of them on one storage."""
    numbers = torch.randn(NUM_TENSORS, 3, 4, generator=torch.Generator().manual_seed(1))
    made = {f"layer{index}.weight": (100 * numbers[index]).to(dtype).clone() for index in range(NUM_TENSORS)}
    return made | {"turned": made["layer0.weight"].t(), "row": made["layer1.weight"][1], "again": made["layer2.weight"]}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("way", list(WAYS))
def test_each_tensor_has_its_own_numbers(protocol: int, way: str, tmp_path: Path) -> None:
    for kind in ("float32", "float16", "int64", "parameters", "arrays", "bytes"):
        check_kind(kind, protocol, way, tmp_path / f"{kind}.pkl")


def check_kind(kind: str, protocol: int, way: str, path: Path) -> None:
    """Ours against theirs."""
    made: dict[str, Any] = tensors(getattr(torch, kind, torch.float32))
    if kind == "parameters":
        made = {name: torch.nn.Parameter(tensor) for name, tensor in made.items()}
    elif kind == "arrays":
        made = {name: tensor.numpy() for name, tensor in made.items()}
    elif kind == "bytes":
        made = {name: tensor.contiguous().numpy().tobytes() for name, tensor in made.items()}
    data = WAYS[way](made, protocol)
    path.write_bytes(data)
    found, theirs = read_plain(path).data, pickle.loads(data)  # noqa: S301 (written above)
    assert list(found) == list(theirs)
    for name, wanted in theirs.items():
        if isinstance(wanted, bytes):
            assert found[name] == wanted, name
        else:
            wanted = torch.from_numpy(wanted) if isinstance(wanted, np.ndarray) else wanted.detach()
            assert found[name].dtype == wanted.dtype
            assert torch.equal(found[name], wanted), name


@pytest.mark.parametrize("protocol", range(1, 6))
@pytest.mark.parametrize("is_zip", [True, False])
def test_torch_files_of_every_protocol(protocol: int, is_zip: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save(tensors(), path, pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    found, theirs = read_plain(path).data, torch.load(path, weights_only=False)
    for name, wanted in theirs.items():
        assert torch.equal(found[name], wanted), name
    assert found["again"].data_ptr() == found["layer2.weight"].data_ptr()


@pytest.mark.parametrize("size", [0x717D, 0x287D, 0x285D])
def test_a_safetensors_header_of_any_size_is_no_pickle(size: int, tmp_path: Path) -> None:
    """Their first bytes are those of old pickles."""
    header = b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}'.ljust(size)
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", size) + header + bytes(8))
    assert read_plain(path).format == "safetensors"


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("way", ["optimised", "fast"])
def test_a_generator_of_such_a_pickle_paints_its_own_images(protocol: int, way: str, tmp_path: Path) -> None:
    from sgvg_core.assembly import build_generator
    from sgvg_core.config import GeneratorConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        generator = build_generator(GeneratorConfig(16, (8, 8, 8), z_dim=8, w_dim=8, mapping_layers=2)).eval()
    (tmp_path / "a.pkl").write_bytes(WAYS[way]({"g_ema": dict(generator.state_dict())}, protocol))
    found = load_generator(tmp_path / "a.pkl")
    for name, tensor in generator.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor), name
