"""The safe reader on sound files: every format and protocol gives the same plain data; sharing, number types and settings are kept."""

import argparse
import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import hostile_pieces as pieces
import numpy as np
import pytest
import sound_corpus
import torch

from sgvg_core.checkpoints.plain import ForeignObject, network_state, read_plain
from sgvg_core.errors import CheckpointError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.pt"


def save_zip(value: Any, path: Path) -> None:
    torch.save(value, path)


def save_legacy(value: Any, path: Path) -> None:
    torch.save(value, path, _use_new_zipfile_serialization=False)


def save_pickle(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


WRITERS = {"torch": save_zip, "torch legacy": save_legacy, "pickle": save_pickle}


def check_values(data: Any) -> None:
    """What `sound_corpus.values()` must have become."""
    wanted = sound_corpus.values()
    assert list(data) == list(wanted)
    for name, tensor in wanted["state"].items():
        assert data["state"][name].dtype == tensor.dtype
        assert torch.equal(data["state"][name], tensor), name
    assert torch.equal(data["array"], torch.from_numpy(wanted["array"]))
    assert data["scalar"] == 0.5
    assert data["args"] == {"size": 256, "name": "é"}
    assert data["plain"] == [*wanted["plain"][:-1], [3]]
    assert type(data["plain"][5]) is bool


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(sound_corpus.values(), protocol))
    plain = read_plain(path)
    assert plain.format == "pickle"
    check_values(plain.data)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("is_zip", [True, False])
def test_torch_files_of_every_protocol(path: Path, protocol: int, is_zip: bool) -> None:
    torch.save(sound_corpus.values(), path, pickle_protocol=protocol, _use_new_zipfile_serialization=is_zip)
    plain = read_plain(path)
    assert plain.format == ("torch" if is_zip else "torch legacy")
    check_values(plain.data)


@pytest.mark.parametrize("kind", list(WRITERS))
def test_number_types_and_shapes(path: Path, kind: str) -> None:
    types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    wanted = {str(dtype): torch.tensor([[0, 1, 2], [3, 0, 5]]).to(dtype) for dtype in types}
    if kind == "torch":
        wanted |= {str(dtype): torch.tensor([1, 2]).to(dtype) for dtype in (torch.uint16, torch.uint32, torch.uint64)}
    wanted |= {"scalar": torch.tensor(3.5), "empty": torch.zeros(0, 3), "parameter": torch.nn.Parameter(torch.ones(2))}
    WRITERS[kind](wanted, path)
    read = read_plain(path).data
    for name, tensor in wanted.items():
        assert type(read[name]) is torch.Tensor
        assert not read[name].requires_grad
        assert read[name].dtype == tensor.dtype
        assert read[name].shape == tensor.shape
        assert torch.equal(read[name], tensor.detach()), name


@pytest.mark.parametrize("kind", list(WRITERS))
def test_shared_memory_stays_shared_and_expanded_views_become_whole(path: Path, kind: str) -> None:
    base = torch.arange(12.0)
    WRITERS[kind]({"base": base, "part": base[3:9].view(2, 3).t(), "wide": torch.ones(1, 4).expand(3, 4)}, path)
    read = read_plain(path).data
    assert torch.equal(read["part"], base[3:9].view(2, 3).t())
    read["wide"][0, 0] = 5
    assert read["wide"].sum() == 16
    read["base"][3] = 100
    assert (read["part"][0, 0] == 100) == (kind != "pickle")  # a plain pickle writes a storage once for each tensor


def test_numpy_files(tmp_path: Path) -> None:
    arrays = {
        "plain": np.arange(6.0).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
        "big": np.arange(3).astype(">f4"),
        "flags": np.array([True, False]),
        "scalar": np.array(2.5),
        "short": np.arange(3, dtype=np.uint16),
    }
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
        plain = read_plain(tmp_path / f"{name}.npy")
        assert plain.format == "npy"
        assert torch.equal(plain.data, torch.from_numpy(array.astype(array.dtype.newbyteorder("="))))
    for write in (np.savez, np.savez_compressed):
        write(tmp_path / "all.npz", **arrays)
        plain = read_plain(tmp_path / "all.npz")
        assert plain.format == "npz"
        assert list(plain.data) == list(arrays)
        assert torch.equal(plain.data["fortran"], torch.arange(6).reshape(2, 3))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_in_pickles(path: Path, protocol: int) -> None:
    grid = np.arange(6).reshape(2, 3)
    arrays = [grid.astype(float), np.asfortranarray(grid), np.arange(3).astype(">i2"), np.random.default_rng(1).random(5000)]
    path.write_bytes(pickle.dumps(arrays, protocol))
    for read, array in zip(read_plain(path).data, arrays, strict=True):
        assert torch.equal(read, torch.from_numpy(array.astype(array.dtype.newbyteorder("="))))


def test_safetensors_with_their_texts(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(sound_corpus.sound()["safetensors"])
    plain = read_plain(tmp_path / "a.bin")
    assert plain.format == "safetensors"
    assert plain.metadata == {"about": "text"}
    assert torch.equal(plain.data["a"], sound_corpus.values()["state"]["weight"])
    assert plain.data["b"].shape == (0, 2)


def test_a_network_of_nvidia_is_data_and_its_source_is_dropped(path: Path) -> None:
    path.write_bytes(sound_corpus.sound()["NVIDIA"])
    network = read_plain(path).data["G_ema"]
    assert isinstance(network, ForeignObject)
    assert (network.module, network.name) == ("", "Generator")
    assert "module_src" not in network.state
    state, settings = network_state(network)
    assert list(state) == ["w_avg", "fc0.weight", "fc0.w_avg"]
    assert state["fc0.weight"].shape == (2, 3)
    assert settings == {"z_dim": 2}


def test_buffers_that_torch_would_not_store_are_left_out(path: Path) -> None:
    persistent = sound_corpus._Call(
        "torch_utils.persistence._reconstruct_persistent_obj",
        {
            "type": "class",
            "class_name": "A",
            "state": {
                "_parameters": {},
                "_buffers": {"a": torch.ones(1), "b": torch.ones(1)},
                "_modules": {},
                "_non_persistent_buffers_set": {"b"},
            },
        },
    )
    path.write_bytes(sound_corpus.pickled(persistent))
    assert list(network_state(read_plain(path).data)[0]) == ["a"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"_parameters": {}, "_buffers": {}}, "has no _modules"),
        ({"_parameters": {"a": "text"}, "_buffers": {}, "_modules": {}}, "'a' is a str, expected a tensor"),
        ({"_parameters": {}, "_buffers": {}, "_modules": {"a": 3}}, "'a' is a int, expected a torch network"),
    ],
)
def test_a_network_that_is_none(state: dict[str, Any], said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        network_state(ForeignObject("", "A", state))


def test_a_network_of_the_tensorflow_era_is_data(path: Path) -> None:
    """Three networks, each with variables and components, as NVIDIA's StyleGAN2 pickled them."""
    weight = np.arange(6, dtype=np.float32).reshape(2, 3)
    file = io.BytesIO()
    pickler = sound_corpus._Pickler(file, 4)
    state = {
        "version": 4,
        "name": "G",
        "static_kwargs": sound_corpus._Call("dnnlib.util.EasyDict", [["resolution", 256]]),
        "components": {},
        "build_module_src": pieces.SOURCE,
        "variables": [("lod", np.float32(0)), ("w", weight)],
    }
    pickler.write(b"\x80\x04" + pieces.named("dnnlib.tflib.network.Network") + b")\x81")
    pickler.save(state)
    pickler.write(b"b.")
    path.write_bytes(file.getvalue())
    network = read_plain(path).data
    assert (network.module, network.name) == ("dnnlib.tflib.network", "Network")
    assert network.state["static_kwargs"] == {"resolution": 256}
    assert network.state["variables"][0] == ("lod", 0.0)
    assert torch.equal(network.state["variables"][1][1], torch.from_numpy(weight))
    assert "build_module_src" not in network.state


def test_texts_of_python_2_and_arrays_in_them(path: Path) -> None:
    raw = np.arange(3000, dtype="<f4").tobytes()
    binary = b"T" + len(raw).to_bytes(4, "little") + raw
    array = pieces.array(pieces.dtype(), (3000,), b"").replace(pieces.blob(b""), binary)
    path.write_bytes(b"\x80\x02}(U\x01aS'caf\\xe9'\nU\x01b" + array + b"u.")
    read = read_plain(path).data
    assert read["a"] == "café"
    assert torch.equal(read["b"], torch.arange(3000.0))


def test_settings_of_training_become_plain(path: Path) -> None:
    settings = {
        "opts": {"exp_dir": Path("/a/b"), "device": torch.device("cuda:1"), "type": torch.float16},
        "shape": torch.Size([2, 3]),
        "args": argparse.Namespace(inner=argparse.Namespace(size=1)),
        "state": torch.nn.Linear(2, 3).state_dict(),
        "long": "é" * 10_000,
        "raw": bytes(10_000),
    }
    torch.save(settings, path)
    read = read_plain(path).data
    assert read["opts"] == {"exp_dir": str(Path("/a/b")).replace("\\", "/"), "device": "cuda:1", "type": "torch.float16"}
    assert read["shape"] == (2, 3)
    assert read["args"] == {"inner": {"size": 1}}
    assert list(read["state"]) == ["weight", "bias"]
    assert (read["long"], read["raw"]) == ("é" * 10_000, bytes(10_000))


def test_a_zip_that_was_packed_again_is_read(path: Path) -> None:
    save_zip(sound_corpus.values(), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    path.write_bytes(pieces.zipped(entries, zipfile.ZIP_DEFLATED))
    check_values(read_plain(path).data)


@pytest.mark.parametrize("kind", ["torch zip", "torch legacy", "NVIDIA", "npy", "safetensors"])
def test_every_cut_is_noticed(path: Path, kind: str) -> None:
    whole = sound_corpus.sound()[kind]
    for size in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"some\.pt"):
            read_plain(path)


def test_what_is_no_file(tmp_path: Path) -> None:
    for wrong, said in ((tmp_path, "a folder"), (tmp_path / "none.pt", "can't be read .*check the path")):
        with pytest.raises(CheckpointError, match=said):
            read_plain(wrong)


def test_order_and_metadata_of_state_dicts(path: Path) -> None:
    state = OrderedDict((f"layer{index}", torch.tensor(index)) for index in (3, 1, 2))
    state._metadata = OrderedDict(version=1)  # type: ignore[attr-defined]
    torch.save(state, path)
    read = read_plain(path).data
    assert list(read) == ["layer3", "layer1", "layer2"]
    assert type(read) is dict
