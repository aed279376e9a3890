"""Sound-guided video generation: a sound in, a moving picture whose meaning follows the sound out.

The public names are those below. They're imported on first use, so that ``import sgvg_core`` costs nothing and works
where the torch packages are missing or broken (see `environment`).
"""

from typing import TYPE_CHECKING

from .first_use import on_first_use

if TYPE_CHECKING:
    from .assembly import (
        SoundModel,
        compose_model,
        load_discriminator,
        load_generator,
        load_image_encoder,
        load_latents,
        load_model,
        load_sound_encoder,
        load_walker,
        save_latents,
    )
    from .environment import check_environment
    from .errors import SGVGError
    from .generation import generate
    from .image_inversion import invert

__version__ = "0.1.0"

__all__, __getattr__, __dir__ = on_first_use(__name__)
