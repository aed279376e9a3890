"""Sound-guided video generation: a sound in, a moving picture whose meaning follows the sound out.

The public names are those of `__all__`. They're imported on first use, so that ``import sgvg_core`` costs nothing and works
where the torch packages are missing or broken (see `environment`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assembly import SoundModel as SoundModel
    from .assembly import load_generator as load_generator
    from .assembly import load_model as load_model
    from .environment import check_environment as check_environment
    from .errors import SGVGError as SGVGError
    from .generation import generate as generate

__version__ = "0.1.0"

_HOME = {
    "SGVGError": ".errors",
    "SoundModel": ".assembly",
    "check_environment": ".environment",
    "generate": ".generation",
    "load_generator": ".assembly",
    "load_model": ".assembly",
}
"""Where each public name lives."""

__all__ = ["SGVGError", "SoundModel", "check_environment", "generate", "load_generator", "load_model"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"sgvg_core has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
