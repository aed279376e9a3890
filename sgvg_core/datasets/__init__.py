"""Data sets: folders of clips prepared into shards that stream, and the reader that every trainer shares.

`prepare` writes, `ClipData` reads, the format has a version (docs/data.md). Splits are by recording, never by clip: keep it so.
"""

from .clip_data import ClipData
from .clip_info import ClipInfo
from .inspection import inspect_data, verify_data
from .options import PrepareOptions
from .prepare import prepare
from .sheet import data_sheet

__all__ = [
    "ClipData",
    "ClipInfo",
    "PrepareOptions",
    "data_sheet",
    "inspect_data",
    "prepare",
    "verify_data",
]
