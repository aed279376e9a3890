"""Walks of one sound from several starts, for pictures that lie side by side."""

import dataclasses

from ..assembly import SoundModel
from ..errors import ConfigError
from ..latents import LatentWalk, WalksSideBySide, on_another, origin_of
from ..progress import Progress, silent
from ..synthesis import Panorama
from .layer_drives import quarter_slices
from .render import size_of_image
from .settings import GenerateSettings, StartSettings
from .start import start_latent


def panorama_walks(model: SoundModel, settings: GenerateSettings, walk: LatentWalk, progress: Progress = silent) -> LatentWalk:
    """A walk of a sound and, to the right of it, as many as the settings' panorama needs: each from the start that the next seed chooses, in the
    light and colours of the first.

    Other settings leave the walk as it is. Raises ConfigError.
    """
    if settings.shape is None or settings.enlargement != "panorama":
        return walk
    origin = origin_of(walk)
    if origin.keys is not None or settings.start_from == "mean":
        same = "keyframes" if origin.keys is not None else "the mean start"
        raise ConfigError(f"enlargement: panorama shows several starts, but {same} would be the same in all; choose mirror, or starts by seed")
    view = Panorama.covering(size_of_image(model.generator)[1], settings.shape[1])
    starts = [dataclasses.replace(settings.start, seed=settings.start.seed + number) for number in range(1, view.num_windows)]

    def begun_at(start: StartSettings) -> LatentWalk:
        start_ws = start_latent(model, origin.analysed, start, progress)
        return on_another(walk, lambda own: dataclasses.replace(own, start_ws=start_ws))  # type: ignore[no-any-return]

    return WalksSideBySide(walk, tuple(map(begun_at, starts)), light_layer(model.generator.num_ws))


def light_layer(num_ws: int) -> int:
    """The first of the latents, of which there are `num_ws`, that decide light and colour rather than shapes."""
    return int(quarter_slices(num_ws)["fine"].start)

