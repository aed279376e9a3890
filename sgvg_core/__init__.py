"""Sound-guided video generation: a sound in, a moving picture whose meaning follows the sound out.

The public names are those of `__all__`. They're imported on first use, so that ``import sgvg_core`` costs nothing and works
where the torch packages are missing or broken (see `environment`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assembly import SoundModel as SoundModel
    from .assembly import compose_model as compose_model
    from .assembly import load_discriminator as load_discriminator
    from .assembly import load_generator as load_generator
    from .assembly import load_image_encoder as load_image_encoder
    from .assembly import load_latents as load_latents
    from .assembly import load_model as load_model
    from .assembly import load_sound_encoder as load_sound_encoder
    from .assembly import load_walker as load_walker
    from .assembly import save_latents as save_latents
    from .environment import check_environment as check_environment
    from .errors import SGVGError as SGVGError
    from .generation import generate as generate
    from .image_inversion import invert as invert

__version__ = "0.1.0"

_HOME = {
    "SGVGError": ".errors",
    "SoundModel": ".assembly",
    "check_environment": ".environment",
    "compose_model": ".assembly",
    "generate": ".generation",
    "invert": ".image_inversion",
    "load_discriminator": ".assembly",
    "load_generator": ".assembly",
    "load_image_encoder": ".assembly",
    "load_latents": ".assembly",
    "load_model": ".assembly",
    "load_sound_encoder": ".assembly",
    "load_walker": ".assembly",
    "save_latents": ".assembly",
}
"""Where each public name lives."""

__all__ = [
    "SGVGError",
    "SoundModel",
    "check_environment",
    "compose_model",
    "generate",
    "invert",
    "load_discriminator",
    "load_generator",
    "load_image_encoder",
    "load_latents",
    "load_model",
    "load_sound_encoder",
    "load_walker",
    "save_latents",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"sgvg_core has no public name {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
