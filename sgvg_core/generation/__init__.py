"""Sound in, moving picture out. Names are imported on first use: training needs sounds and walks, and no package that reads media."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .listening import Listening, listen
    from .pipeline import GeneratedVideo, GenerateSettings, generate
    from .sound import HeardSound, Sound, hear
    from .walk import Walk

__all__ = ["GenerateSettings", "GeneratedVideo", "HeardSound", "Listening", "Sound", "Walk", "generate", "hear", "listen"]

_HOME = {
    "GenerateSettings": ".pipeline",
    "GeneratedVideo": ".pipeline",
    "HeardSound": ".sound",
    "Listening": ".listening",
    "Sound": ".sound",
    "Walk": ".walk",
    "generate": ".pipeline",
    "hear": ".sound",
    "listen": ".listening",
}
"""Where each name lives."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)
