"""Numpy's .npy and .npz, read as data: numbers only, sizes held against the bytes that are there, no pickled objects.

Format: a mark, a version, the header's size, a header `{'descr': '<f4', 'fortran_order': False, 'shape': (1, 18, 512), }`, the numbers.
See numpy.lib.format.
"""

import math
import re
from typing import NoReturn

from ..errors import CheckpointError
from .allowed import MAX_AXES, MAX_NUMBER, NUMPY_DTYPES
from .lazy_values import MAX_TENSORS, Blob, LazyArray, LazyDtype
from .source import Source
from .zip_directory import ZipDirectory

MAX_HEADER = 10_000
_HEADER = re.compile(r"\{'descr': '([<>|=]?)([a-zA-Z]\d{0,9})', 'fortran_order': (True|False), 'shape': \(([0-9, L]*)\),? ?\}[ \n]*")


def read_npy(source: Source) -> LazyArray:
    """The one array of a .npy file. Raises CheckpointError."""
    start = source.read(0, min(12, source.size))
    if start[:6] != b"\x93NUMPY" or len(start) < 12 or start[6] not in (1, 2, 3):
        _refuse(source, "it doesn't begin as one")
    wide = start[6] > 1
    size = int.from_bytes(start[8 : 12 if wide else 10], "little")
    if size > MAX_HEADER:
        _refuse(source, f"its header has {size} bytes (at most {MAX_HEADER} are read)")
    begin = 12 if wide else 10
    header = source.read(begin, size).decode("latin1")
    found = _HEADER.fullmatch(header)
    if found is None:
        _refuse(source, f"its header is {header[:80]!r}")
    order, code, fortran, sizes = found.groups()
    if code == "O":
        _refuse(source, "it holds pickled Python objects, which aren't read; save the numbers alone")
    if code not in NUMPY_DTYPES:
        _refuse(source, f"it holds numbers of type {code!r} (read are {', '.join(NUMPY_DTYPES)})")
    parts = [part.strip().removesuffix("L") for part in sizes.split(",") if part.strip()]
    if len(parts) > MAX_AXES or not all(part.isdigit() and len(part) < 16 for part in parts):
        _refuse(source, f"its shape is ({sizes[:80]})")
    shape = tuple(int(part) for part in parts)
    if any(part >= MAX_NUMBER for part in shape):
        _refuse(source, f"its shape is {shape}")
    wanted, got = math.prod(shape) * NUMPY_DTYPES[code].itemsize, source.size - begin - size
    if wanted != got:
        _refuse(source, f"its shape {shape} takes {wanted} bytes, but {got} are there (cut off?)")
    return LazyArray(LazyDtype(code, order or "="), shape, fortran == "True", Blob(source, begin + size, wanted))


def read_npz(archive: ZipDirectory) -> dict[str, LazyArray]:
    """The arrays of a .npz file by name. Raises CheckpointError."""
    if len(archive.entries) > MAX_TENSORS:
        _refuse(archive.source, f"it has {len(archive.entries)} arrays (at most {MAX_TENSORS} are read)")
    if not all(name.isprintable() for name in archive.entries):
        _refuse(archive.source, "a name in it has characters that can't be printed")
    return {name.removesuffix(".npy"): read_npy(archive.open(name)) for name in archive.entries}


def _refuse(source: Source, what: str) -> NoReturn:
    raise CheckpointError(f"{source.where}: a numpy array that isn't read: {what}; the file is damaged or of another kind")
