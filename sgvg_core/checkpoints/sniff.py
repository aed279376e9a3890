"""What a file is, by what it begins with (and a zip by its directory), whatever it's called. The one place that names strangers."""

import re
from typing import Literal, NoReturn

from ..errors import CheckpointError
from .source import Source
from .zip_directory import ZipDirectory

Format = Literal["safetensors", "torch", "torchscript", "torch legacy", "pickle", "npy", "npz"]
START = 512
"""Bytes that are looked at."""
_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY = re.compile(
    rb"\x80[\x02-\x05](\x95.{8})?\x8a\x0a" + re.escape(_MAGIC.to_bytes(10, "little")) + rb"|L%dL?\n\." % _MAGIC, re.DOTALL
)
_AGAIN = "copy or download it again"
SCRIPT_ADVICE = "where you'd let it run, torch.save(torch.jit.load(FILE, map_location='cpu').state_dict(), OUT) writes its weights alone"
"""How weights get out of a program that can't be read as data."""

_IMAGES = {
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG\r\n": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WAV sound or WebP picture",
    b"OggS": "an Ogg sound or video",
    b"fLaC": "a FLAC sound",
    b"ID3": "an MP3 sound",
    b"\x1aE\xdf\xa3": "a Matroska or WebM video",
    b"%PDF": "a PDF document",
}
_ARCHIVES = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x28\xb5\x2f\xfd": "a Zstandard archive",
}
_FOREIGN = {
    b"\x89HDF": "an HDF5 file (Keras?)",
    b"GGUF": "a GGUF file of a language model",
    b"\x7fELF": "a program",
    b"MZ": "a Windows program",
    b"#!": "a script",
}
_STRANGERS = (
    (_IMAGES, "choose the file of weights"),
    (_ARCHIVES, "unpack it and choose the file of weights inside"),
    (_FOREIGN, "it isn't read"),
)
_OLD_PICKLES = (
    b"(d", b"(l", b"(t", b"(c", b"(i", b"(S", b"(V", b"}q", b"]q", b"}(", b"](", b"}X", b"}U",
    b"ccopy_reg\n", b"ccopyreg\n", b"ccollections\n",
)  # fmt: skip
"""How pickles of protocols 0 and 1 begin that hold more than a number, with a memo and without."""


def sniff(source: Source) -> tuple[Format, ZipDirectory | None]:
    """The file's format; for zips also their directory, which was read for it. Raises CheckpointError that names anything else."""
    start = source.read(0, min(START, source.size))
    name_strangers(start, source.size, source.where)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        archive = ZipDirectory(source)
        return _name_zip(archive), archive
    if start.startswith(b"\x93NUMPY"):
        return "npy", None
    if _LEGACY.match(start):
        return "torch legacy", None
    if is_pickle(start):
        return "pickle", None
    if is_safetensors(start, source.size):
        return "safetensors", None
    raise CheckpointError(
        f"{source.where}: not a file of weights that is known (it begins with {start[:12]!r}); read are .safetensors, .pt, .pth, .pkl, .npy and .npz"
    )


def is_safetensors(start: bytes, total: int) -> bool:
    """Whether a file of `total` bytes begins as safetensors do: a size, then a JSON object. `start` is its first bytes."""
    return total >= 10 and start[8:9] == b"{"


def is_pickle(start: bytes) -> bool:
    """Whether a file begins as pickles do: those of protocol 2 and above by their mark, older ones by a mark and a list or dictionary."""
    if start[:1] == b"\x80":
        return start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and not is_safetensors(start, len(start))
    has_header = start[4:9] == b"\0\0\0\0{"  # a safetensors file whose header's size begins with such letters
    return start.startswith(_OLD_PICKLES) and not has_header


def name_strangers(start: bytes, total: int, where: str) -> None:
    """Raise CheckpointError that says what a file is if it holds no weights at all; `start` is its first bytes, `total` its size. `where`
    names it in the error.
    """
    if total == 0:
        _stranger(where, f"the file is empty; {_AGAIN}")
    if not start.strip(b"\0"):
        _stranger(where, f"nothing but zeros at its start: a download that was reserved but not filled; {_AGAIN}")
    if start.startswith(b"version https://git-lfs"):
        _stranger(where, "a git-LFS pointer, not the weights themselves; run `git lfs pull` or download the file itself")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--", b"<script", b"<body")):
        _stranger(where, "a web page, not weights; a download gave a page instead (sign-in, quota or error): download the file itself")
    if text.startswith((b'{"', b"{'", b"[{", b'["', b"{\n")) and not is_safetensors(start, total):
        _stranger(where, "a JSON text (an error message of a download?), not weights; choose the file of weights")
    for marks, advice in _STRANGERS:
        for mark, named in marks.items():
            if start.startswith(mark):
                _stranger(where, f"{named}, not weights; {advice}")
    if start[4:8] == b"ftyp":
        _stranger(where, "an MP4 video, not weights; choose the file of weights")
    if start[257:262] == b"ustar":
        _stranger(where, "a tar archive, not weights; unpack it and choose the file of weights inside")


def _stranger(where: str, what: str) -> NoReturn:
    raise CheckpointError(f"{where}: {what}")


def _name_zip(archive: ZipDirectory) -> Format:
    names, where = list(archive.entries), archive.source.where
    folders = [name.removesuffix("data.pkl") for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    is_program = any("/code/" in name or name.endswith("constants.pkl") for name in names)
    if len(folders) == 1:
        return "torchscript" if is_program else "torch"
    if is_program or any(name.endswith("model.json") for name in names):
        _stranger(where, f"a TorchScript archive without its one table of weights (torch before 1.4?), which isn't read; {SCRIPT_ADVICE}")
    if names and all(name.endswith(".npy") for name in names):
        return "npz"
    inside = [name for name in names if name.endswith((".pt", ".pth", ".pkl", ".safetensors", ".ckpt"))]
    if inside:
        _stranger(where, f"a zip archive with {inside[0][:80]!r} inside; unpack it and choose that file")
    _stranger(where, f"a zip archive of {len(names)} files, none of them weights; choose the file of weights")
