"""Files made to do harm: names and bytes, for the tests and for benchmarks/hostile_checkpoints.py.

Whatever would run something would write the canary file. Nothing here is ever loaded but by the reader under test.
"""

import json
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from hostile_pickles import bombs, broken_pickles, calls, false_sizes, names, shared, unprintable
from hostile_pieces import (
    SHELL,
    SOURCE,
    named,
    own,
    script,
    script_module,
    short,
    tensor,
    torch_zip,
    whole,
    zip_storage,
    zipped,
)


def settings() -> Iterator[tuple[str, bytes]]:
    """Files in our own format, of some hundred bytes, whose settings ask for networks of gigabytes or numbers beyond all sizes."""
    tower = {"clip_model": "ViT-B-32", "clip_weights": "", "embed_dim": 4096, "widths": [2048] * 8}
    block = {"num_group": 64, "w_dim": 2048, "hidden": 2048, "num_layers": 16}
    mel = {"mel": {}}
    yield "walker", own("walker", {"num_ws": 64, "w_dim": 2048, "hidden": 4096, "num_layers": 16})
    yield "walker within the limits", own("walker", {"num_ws": 16, "w_dim": 512, "hidden": 2048, "num_layers": 4})
    yield "sound encoder", own("sound_encoder", {"num_ws": 64, "widths": [2048] * 4, "depths": [64] * 4, "pyramid_width": 2048}, mel)
    yield "sound encoder within the limits", own("sound_encoder", {}, mel)
    yield "sound encoder of odd widths", own("sound_encoder", {"widths": [12, 12, 12, 12]}, mel)
    yield "joint space", own("joint_space", {"image_width": 256, "image_layers": [64] * 4, "text_width": 2048, "text_layers": 64})
    yield "joint space within the limits", own("joint_space", {"image_width": 64, "image_layers": [3, 4, 6, 3], "text_width": 512})
    yield "sound tower", own("sound_tower", tower)
    yield "judge", own("judge", {"widths": [1024] * 8})
    yield "judge of odd widths", own("judge", {"widths": [9]})
    yield "generator", own("generator", {"img_resolution": 1024, "channels": [512] * 9, "mapping_layers": 16})
    yield "generator of many labels", own("generator", {"img_resolution": 8, "channels": [4, 4], "c_dim": 10_000, "embed_features": 2048})
    yield "StyleGAN3 generator", own("generator3", {"img_resolution": 256, "channels": [512] * 14})
    yield "discriminator", own("discriminator", {"img_resolution": 1024, "channels": [512] * 9})
    yield "released sound encoder", own("released_sound_encoder", {})
    yield "released walker", own("released_walker", {"coarse": block, "mid": block, "fine": block})
    yield "image encoder", own("image_encoder", {})
    odd = {"of 400 digits": 10**400, "of 4,000 digits": 10**4000, "below all": -(10**400), "a list": [[]] * 9, "a text": "\x1b[2J\n"}
    for name, value in odd.items():
        yield f"number {name}", own("generator", {"img_resolution": 8, "channels": [4, 4], "mapping_lr_multiplier": value})
    yield "unknown settings with a terminal's characters", own("walker", {"\x1b[2J\nnone": 1})
    yield "kind with a terminal's characters", own("\x1b[2J\nnone", {})


def archives() -> Iterator[tuple[str, bytes]]:
    """Zips that lie."""
    sound = torch_zip(tensor(0, (4,), (1,), zip_storage("0", 4)), _0=b"\0" * 16)
    yield "storage that isn't there", torch_zip(tensor(0, (4,), (1,), zip_storage("../../0", 4)), _0=b"\0" * 16)
    yield "storage of another size in a zip", torch_zip(tensor(0, (4,), (1,), zip_storage("0", 2**40)), _0=b"\0" * 16)
    yield "storage of two types", torch_zip(b"](" + zip_storage("0", 4) + zip_storage("0", 4, "torch.IntStorage") + b"e", _0=b"\0" * 16)
    yield "big-endian", zipped({"a/data.pkl": whole(b"N"), "a/byteorder": b"big"})
    yield "zip of a checkpoint", zipped({"model.pth": sound})
    yield "zip of pictures", zipped({"a.png": b"\x89PNG"})
    yield "two folders", zipped({"a/data.pkl": whole(b"N"), "b/data.pkl": whole(b"N")})
    yield "empty zip", zipped({})
    bomb = {"a/data.pkl": whole(zip_storage("0", 20 * 2**20), 2), "a/data/0": bytes(80 * 2**20)}
    yield "deflate bomb", zipped(bomb, zipfile.ZIP_DEFLATED)
    yield "deflate bomb of a pickle", zipped({"a/data.pkl": whole(b"N0" * 40_000_000)}, zipfile.ZIP_DEFLATED)
    at = sound.rindex(b"PK\x05\x06")
    first = sound.index(b"PK\x01\x02")
    yield "entry twice", zipped({"a/data.pkl": whole(b"N"), "a/data/0": b"0", "a/data/1": b"1"}).replace(b"a/data/1", b"a/data/0")
    yield "without its end", sound[:at]
    yield "half of it", sound[: len(sound) // 2]
    yield "more entries than there are", sound[: at + 8] + b"\xff\xff\xff\xff" + sound[at + 12 :]
    yield "directory elsewhere", sound[: at + 16] + b"\xff\xff\xff\x00" + sound[at + 20 :]
    yield "sizes of 2^32 - 2", sound[: first + 20] + b"\xfe\xff\xff\xff" * 2 + sound[first + 28 :]
    yield "zip64 without its sizes", sound[: first + 20] + b"\xff\xff\xff\xff" * 2 + sound[first + 28 :]
    yield "encrypted", sound[: first + 8] + b"\x01" + sound[first + 9 :]
    yield "method 14", sound[: first + 10] + b"\x0e" + sound[first + 11 :]
    yield "entry elsewhere", sound[: first + 42] + b"\x10\x00\x00\x00" + sound[first + 46 :]
    yield "overlapping entries", _overlapping()
    yield "another name in its place", sound.replace(b"a/data.pkl", b"b/data.pkl", 1)
    yield "zip64 locator to nowhere", sound[:at] + b"PK\x06\x07" + struct.pack("<LQL", 0, 2**63, 1) + sound[at:]
    yield "deflated bytes that aren't", _garbled()


def _overlapping() -> bytes:
    """Many entries on the same bytes, as in the densest zip bombs: each entry's own header is the same one."""
    sound = zipped({"a/data.pkl": whole(b"N"), "a/data/0": b"\0" * 1000})
    at, first = sound.rindex(b"PK\x05\x06"), sound.index(b"PK\x01\x02")
    directory = sound[first:at]
    again = directory[directory.rindex(b"PK\x01\x02") :]
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 3, 3, len(directory) + len(again), first, 0)
    return sound[:first] + directory + again.replace(b"a/data/0", b"a/data/1") + end


def _garbled() -> bytes:
    data = bytearray(zipped({"a/data.pkl": whole(b"N0" * 1000 + b"N")}, zipfile.ZIP_DEFLATED))
    data[45:55] = b"\xff" * 10
    return bytes(data)


def scripts() -> Iterator[tuple[str, bytes]]:
    """TorchScript archives: programs, of which nothing but the table of weights may be read."""
    run = named("os.system") + short(SHELL) + b"\x85R"
    yield "call", script(script_module(short("a") + run))
    yield "class that is called", script(named("__torch__.M") + short(SHELL) + b"\x85R")
    yield "class made with arguments", script(named("__torch__.M") + short(SHELL) + b"\x85\x81")
    yield "class as data", script(script_module(short("a") + named("__torch__.M")))
    yield "class of another package", script(script_module(short("a") + b"N", "__torch__x.os"))
    yield "class outside of an archive", torch_zip(script_module(short("a") + b"N"))
    yield "class in a pickle", whole(script_module(short("a") + b"N"))
    yield "state that is a list", script(named("__torch__.M") + b")\x81](" + short("a") + b"eb")
    yield "attribute without a name", script(script_module(b"K\x01N"))
    yield "state twice", script(script_module(short("a") + b"N") + b"}b")
    yield "module in itself", script(named("__torch__.M") + b")\x81q\x00}(" + short("a") + b"h\x00ub")
    yield "list of something else", script(named("torch.jit._pickle.build_intlist") + short("a") + b"\x85R")
    yield "type of something else", script(named("torch.jit._pickle.restore_type_tag") + named("__torch__.M") + short("List[int]") + b"\x86R")
    yield "tensor by number", script(named("torch.jit._pickle.build_tensor_from_id") + b"K\x00\x85R")
    yield "storage that isn't there", script(script_module(short("a") + tensor(0, (4,), (1,), zip_storage("../code/__torch__.py", 4))))
    yield "storage beyond its end", script(script_module(short("a") + tensor(1, (4,), (1,), zip_storage("0", 4))), _0=b"\0" * 16)
    yield "no module", script(b"](" + short("a") + b"e")
    yield "endless names", script(script_module(short("a") + b"N", "__torch__." + "a" * 600))
    deep = b"".join(named("__torch__.M") + b")\x81}(X" + struct.pack("<I", 4000) + b"a" * 4000 for _ in range(50)) + b"N" + b"ub" * 50
    yield "endless names of tensors", script(deep)
    yield "billion laughs of modules", script(b"N" + b"".join(
        b"q\x000" + script_module(short("a") + b"h\x00" + short("b") + b"h\x00") for _ in range(60)))
    yield "two tables", zipped({"a/data.pkl": whole(b"N"), "b/data.pkl": whole(b"N"), "a/code/__torch__.py": SOURCE.encode()})
    yield "of an old torch", zipped({"a/model.json": b"{}", "a/code/a.py": SOURCE.encode(), "a/tensors/0": b"\0" * 16})


def headers() -> Iterator[tuple[str, bytes]]:
    """Safetensors and numpy files whose headers lie."""

    def tensors(header: Any, data: bytes = b"\0" * 8) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    good = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    for shape in ([2**40, 2**40], [-2], [2.0], ["2"], [[2]], [True, True], None, [3], [0] * 9, [2**63], {"a": 2}):
        yield f"safetensors of shape {shape}", tensors({"a": good | {"shape": shape}})
    for offsets in ([8, 0], [0, 2**62], [-8, 0], [0], [0.0, 8.0], None, [4, 12]):
        yield f"safetensors at {offsets}", tensors({"a": good | {"data_offsets": offsets}})
    for kind in ("F99", ["F32"], None, "C64", 32):
        yield f"safetensors of type {kind}", tensors({"a": good | {"dtype": kind}})
    yield "safetensors on the same bytes", tensors({"a": good, "b": good})
    yield "safetensors with a hole", tensors({"a": good}, b"\0" * 16)
    yield "safetensors cut off", tensors({"a": good}, b"\0" * 7)
    yield "safetensors nested deeply", tensors(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield "safetensors of a million lists", tensors(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}")
    yield "safetensors twice the same name", tensors(b'{"a":1,"a":1}')
    yield "safetensors of NaN", tensors(b'{"a":NaN}')
    yield "safetensors that aren't UTF-8", tensors(b'{"\xff":1}')
    yield "safetensors with a header of 2^62 bytes", struct.pack("<Q", 2**62) + b"{}"
    yield "safetensors of a number", tensors(b"{1}")
    numpy = b"\x93NUMPY\x01\x00"

    def npy(header: str, data: bytes = b"\0" * 8) -> bytes:
        return numpy + struct.pack("<H", len(header)) + header.encode() + data

    yield "npy of objects", npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1]))
    yield "npy of objects with a size", npy("{'descr': '|O8', 'fortran_order': False, 'shape': (1,), }")
    yield "npy of code", npy("{'descr': __import__('os').system('" + SHELL + "'), 'fortran_order': False, 'shape': (1,), }")
    yield "npy of huge shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }")
    yield "npy of endless shape", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "9" * 5000 + ",), }")
    yield "npy of many axes", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1," * 200 + "), }", b"\0" * 4)
    yield "npy of records", npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }")
    yield "npy of nested brackets", npy("(" * 9000)
    yield "npy with a header of 2^32 - 1 bytes", b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b"\0" * 20
    yield "npy of version 9", b"\x93NUMPY\x09\x00\x00\x00" + b"\0" * 20
    yield "npy cut off", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }")
    yield "npz of objects", zipped({"a.npy": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", pickle.dumps([1]))})


def strangers() -> Iterator[tuple[str, bytes]]:
    """Files that hold no weights at all."""
    yield "empty", b""
    yield "one byte", b"\x80"
    yield "zeros", bytes(10_000)
    yield "web page", b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title></html>"
    yield "git-LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"
    yield "JSON", b'{"error": "not found"}'
    yield "PNG", b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "JPEG", b"\xff\xd8\xff\xe0" + bytes(100)
    yield "MP4", b"\0\0\0\x20ftypisom" + bytes(100)
    yield "gzip", b"\x1f\x8b\x08" + zlib.compress(bytes(100))
    yield "text", b"hello, this is not a checkpoint\n" * 10
    yield "script", b"#!/bin/sh\n" + SHELL.encode()


def hostile() -> dict[str, bytes]:
    """Every file that must be refused, by name."""
    found: dict[str, bytes] = {}
    for group in (calls, bombs, shared, false_sizes, broken_pickles, archives, names, unprintable, scripts, headers, strangers):
        for name, data in group():
            found[f"{group.__name__}: {name}"] = data
    return found


def heavy() -> dict[str, bytes]:
    """Files at the edge of what is read: as much work and memory as so many bytes can ask for."""
    return {"99,000 dicts": whole(b"]" + b"}\x94a" * 99_000), "450,000 items": whole(b"]" + (b"(" + b"N" * 90_000 + b"e") * 5)}
