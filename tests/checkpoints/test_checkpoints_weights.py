"""Files of weights: what comes back, what is refused and how it's said."""

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from sgvg_core.checkpoints import load_state, read_weights, write_weights
from sgvg_core.errors import CheckpointError

STATE = {
    "layer.weight": torch.linspace(-1, 1, 12).reshape(3, 4),
    "layer.bias": torch.tensor([0.1, 0.2, 0.3]),
    "strength": torch.tensor(0.5),
    "steps": torch.tensor([3, 4]),
}
CONFIG = {"width": 3, "sizes": [1, 2], "inner": {"rate": 0.5}, "name": "größer", "none": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "some.safetensors"


def write(path: Path, **changes: Any) -> None:
    write_weights(path, **({"state": STATE, "kind": "walker", "config": CONFIG, "extra": {"mel": {"hop": 256}}} | changes))


def raw(header: Any, data: bytes = b"") -> bytes:
    """A file of the given header, however wrong."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(**changes: Any) -> dict[str, str]:
    return {"sgvg": json.dumps({"format": 1, "kind": "walker", "config": {}, "extra": {}} | changes)}


TENSOR = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def test_what_was_written_comes_back(path: Path) -> None:
    write(path)
    stored = read_weights(path, kind="walker")
    assert (stored.kind, stored.config, stored.extra) == ("walker", CONFIG, {"mel": {"hop": 256}})
    assert list(stored.state) == sorted(STATE)
    for name, tensor in STATE.items():
        assert torch.equal(stored.state[name], tensor)
        assert stored.state[name].dtype == tensor.dtype


def test_half_is_stored_and_float32_read(path: Path) -> None:
    write(path)
    whole = path.stat().st_size
    big = {"weight": torch.randn(1000, 10), "steps": torch.tensor([70_000])}
    write(path, state=big)
    whole = path.stat().st_size
    write(path, state=big, half=True)
    assert path.stat().st_size < 0.55 * whole
    stored = read_weights(path).state
    assert stored["weight"].dtype == torch.float32
    assert torch.equal(stored["weight"], big["weight"].half().float())
    assert torch.equal(stored["steps"], big["steps"])


def test_other_float_types_come_back_as_float32(path: Path) -> None:
    write(path, state={"a": torch.ones(2, dtype=torch.bfloat16), "b": torch.ones(2, dtype=torch.float64)})
    assert {tensor.dtype for tensor in read_weights(path).state.values()} == {torch.float32}


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a")
    turned = {name: STATE[name] for name in reversed(STATE)}
    write(tmp_path / "b", state=turned, config={name: CONFIG[name] for name in reversed(CONFIG)})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_shared_and_turned_tensors_are_stored(path: Path) -> None:
    base = torch.randn(4, 6)
    state = {"turned": base.t(), "part": base[:2], "same": base, "last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)}
    write(path, state=state)
    for name, tensor in read_weights(path).state.items():
        assert torch.equal(tensor, state[name])


def test_the_file_is_plain_safetensors(path: Path) -> None:
    write(path)
    assert torch.equal(safetensors.torch.load_file(path)["strength"], STATE["strength"])
    with safetensors.safe_open(path, "pt") as file:
        assert list(file.metadata()) == ["sgvg"]
        assert list(json.loads(file.metadata()["sgvg"])) == ["config", "extra", "format", "kind"]


# ---- writing


def test_nothing_half_written_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path)
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CheckpointError, match=r"some.safetensors: can't be written \(No space left on device\)"):
        write(path, kind="generator")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"can't be written \(the folder .*missing doesn't exist\); create it"):
        write(tmp_path / "missing" / "a.safetensors")


@pytest.mark.parametrize(
    ("value", "half", "said"),
    [
        (float("nan"), False, "w holds NaN or infinity"),
        (float("inf"), True, "w holds NaN or infinity"),
        (1e5, True, r"w holds 1e\+05, too much for float16"),
    ],
)
def test_weights_that_are_not_finite_are_not_stored(path: Path, value: float, half: bool, said: str) -> None:
    with pytest.raises(CheckpointError, match=said):
        write(path, state={"w": torch.tensor([0.0, value])}, half=half)
    assert not path.exists()


@pytest.mark.parametrize("config", [{"a": float("nan")}, {"a": Path("x")}, {"a": torch.zeros(1)}])
def test_configurations_that_json_cannot_hold_are_not_stored(path: Path, config: dict) -> None:
    with pytest.raises(CheckpointError, match="the configuration can't be stored"):
        write(path, config=config)


# ---- reading what isn't ours


def test_another_kind_is_said(path: Path) -> None:
    write(path)
    with pytest.raises(CheckpointError, match="got weights of a walker, expected those of a generator"):
        read_weights(path, kind="generator")


def _cut(content: bytes) -> bytes:
    return content[:-5]


def _cut_in_header(content: bytes) -> bytes:
    return content[:100]


def _more(content: bytes) -> bytes:
    return content + b"12345"


@pytest.mark.parametrize(
    ("change", "said"), [(_cut, "cut off .*copy or download it again"), (_cut_in_header, "cut off in its header"), (_more, "5 bytes too many")]
)
def test_damaged_files(path: Path, change: Callable[[bytes], bytes], said: str) -> None:
    write(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(CheckpointError, match=said):
        read_weights(path)


def test_every_cut_is_noticed(path: Path) -> None:
    write(path)
    content = path.read_bytes()
    for num_bytes in range(0, len(content), 7):
        path.write_bytes(content[:num_bytes])
        with pytest.raises(CheckpointError):
            read_weights(path)


def test_changed_bytes_of_the_header_never_escape_as_another_error(path: Path) -> None:
    """Any single byte of the header may be anything: the file is read or refused, nothing else."""
    write(path)
    content = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    refused = 0
    for place in range(0, 8 + int.from_bytes(content[:8], "little"), 3):
        changed = bytearray(content)
        changed[place] = int(torch.randint(256, (), generator=generator))
        path.write_bytes(changed)
        try:
            read_weights(path)
        except CheckpointError:
            refused += 1
    assert refused > 50


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n", "a git-LFS pointer, .*git lfs pull"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page, not weights"),
        (b"<html>" + b"x" * 600, "a web page, not weights"),
        (pickle.dumps({"state": [1.0] * 10}), "a pickle file, expected safetensors"),
        (b"PK\x03\x04" + b"\0" * 600, "a zip archive .most likely a PyTorch .pt file"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a PNG picture, not weights"),
        (b"abc", "not a safetensors file"),
        (struct.pack("<Q", 2**62) + b"{}" + b" " * 100, "its header would have 4611686018427387904 bytes"),
        (struct.pack("<Q", 1000) + b"{}" + b" " * 100, "cut off in its header"),
        (raw(b"{" + b"[" * 100), "not readable as JSON"),
        (raw(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"), "nested"),
        (raw(b'{"a":' + b'{"a":' * 30 + b"1" + b"}" * 31), "nested deeper than 16 levels"),
        (raw(b'{"a": 1, "a": 2}'), "'a' is there twice"),
        (raw(b'{"a": [' + b"[]," * 300_000 + b"[]]}"), "more than 500000 items"),
        (raw(b'{"a": \xff\xff}'), "not readable as JSON"),
        (raw(b'{"a": NaN}'), "NaN is not a number of JSON"),
        (raw({"a": 1}), "tensor 'a': expected dtype, shape and data_offsets"),
        (raw({"a": TENSOR | {"more": 1}}, b"\0" * 8), "tensor 'a': expected dtype, shape and data_offsets"),
        (raw({"a": TENSOR | {"dtype": "F99"}}, b"\0" * 8), "number type 'F99' isn't read"),
        (raw({"a": TENSOR | {"dtype": ["F32"]}}, b"\0" * 8), "number type .* isn't read"),
        (raw({"a": TENSOR | {"shape": [-2]}}, b"\0" * 8), r"got shape \[-2\]"),
        (raw({"a": TENSOR | {"shape": [True, 2]}}, b"\0" * 8), r"got shape \[True, 2\]"),
        (raw({"a": TENSOR | {"shape": [1] * 9}}, b"\0" * 8), "expected up to 8 whole numbers"),
        (raw({"a": TENSOR | {"shape": [2**40, 2**40]}}, b"\0" * 8), "got 8 bytes, expected"),
        (raw({"a": TENSOR | {"data_offsets": [0, 4]}}, b"\0" * 8), "got 4 bytes, expected 8"),
        (raw({"a": TENSOR | {"data_offsets": [8, 0]}}, b"\0" * 8), "got -8 bytes, expected 8"),
        (raw({"a": TENSOR | {"data_offsets": [4, 12]}}, b"\0" * 12), "'a' begins at byte 4, expected 0"),
        (raw({"a": TENSOR, "b": TENSOR}, b"\0" * 8), "'b' begins at byte 0, expected 8"),
        (raw({"a": TENSOR}, b"\0" * 8), "without the entry 'sgvg'"),
        (raw({"__metadata__": [1], "a": TENSOR}, b"\0" * 8), "without the entry 'sgvg'"),
        (raw({"__metadata__": {"sgvg": 5}}), "without the entry 'sgvg'"),
        (raw({"__metadata__": {"sgvg": "{"}}), "entry 'sgvg': not readable as JSON"),
        (raw({"__metadata__": {"sgvg": "[]"}}), "has no format number"),
        (raw({"__metadata__": entry(format=2)}), "got format 2, expected 1; a newer version of this program wrote it: update"),
        (raw({"__metadata__": entry(format="1")}), "has no format number"),
        (raw({"__metadata__": entry(more=1)}), "unknown 'more'"),
        (raw({"__metadata__": entry(kind=3)}), "expected a kind"),
        (raw({"__metadata__": entry(config=[1])}), "expected a kind"),
        (raw({"__metadata__": entry(), "a": TENSOR}, struct.pack("<ff", 1.0, float("nan"))), "a hold NaN or infinity"),
        (raw({"x" * 600: TENSOR}, b"\0" * 8), "name has 600 characters"),
        (raw({str(index): TENSOR | {"shape": [0], "data_offsets": [0, 0]} for index in range(20_001)}), "got 20001 tensors, at most 20000"),
    ],
)
def test_strange_files_are_named_for_what_they_are(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=said) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_a_header_of_our_own_making_is_read(path: Path) -> None:
    """The files above differ from this one in one thing each."""
    path.write_bytes(raw({"__metadata__": entry(), "a": TENSOR}, struct.pack("<ff", 1.0, 2.0)))
    assert torch.equal(read_weights(path).state["a"], torch.tensor([1.0, 2.0]))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"can't be read \(No such file or directory\); check the path"):
        read_weights(tmp_path / "missing.safetensors")
    with pytest.raises(CheckpointError, match="a folder, expected a file of weights"):
        read_weights(tmp_path)


# ---- into a module


def module() -> torch.nn.Module:
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def test_load_state_copies() -> None:
    source, target = module(), module()
    load_state(target, source.state_dict(), "a file")
    for name, tensor in source.state_dict().items():
        assert torch.equal(target.state_dict()[name], tensor)


def test_load_state_lists_all_that_does_not_fit_and_changes_nothing() -> None:
    target = module()
    before = {name: tensor.clone() for name, tensor in target.state_dict().items()}
    state = {name: tensor + 1 for name, tensor in before.items()}
    del state["0.bias"], state["1.weight"]
    state |= {"2.weight": torch.zeros(1), "other": torch.zeros(1), "0.weight": torch.zeros(3, 5)}
    with pytest.raises(CheckpointError) as caught:
        load_state(target, state, "a file")
    said = str(caught.value)
    assert said.startswith("a file: the weights don't fit Sequential: ")
    assert "missing 2 (0.bias, 1.weight)" in said
    assert "unknown 2 (2.weight, other)" in said
    assert "of another shape 1 (0.weight [3, 5] instead of [3, 2])" in said
    assert all(torch.equal(tensor, before[name]) for name, tensor in target.state_dict().items())
