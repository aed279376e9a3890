"""Data sets: folders of clips prepared into shards that stream, and the reader that every trainer shares."""

from .clip_data import ClipData
from .clip_info import ClipInfo
from .options import PrepareOptions
from .prepare import prepare

__all__ = ["ClipData", "ClipInfo", "PrepareOptions", "prepare"]
