"""A video edited frame by frame: inverted with warm starts, smoothed, changed, and back with its own sound.

Frames stream: the memory doesn't grow with the length of the video. As many frames come out as went in, none late.
"""

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from ..assembly import SoundModel
from ..config import check_choice, check_range
from ..generation import Sound, size_of_image, to_uint8
from ..generation.film import check_output, open_writer
from ..image_inversion import FITS, Candidates, Ground, InversionSettings, Inverted, fit_image, invert_image, measure_ground
from ..image_inversion.projection import Perceptual
from ..media.shown_video import ShownVideo
from ..pixels import from_uint8
from ..progress import Progress, silent
from ..synthesis import Generator, rgb_images
from .apply import apply_edits
from .edits import Edit
from .joint_map import joint_map
from .own_detail import with_own_detail
from .regions import PlacedEdits, blended_images, composite, place_edits
from .resolve import ResolveSettings, resolve_edits
from .smoothing import gaussian_kernel, smoothed
from .sources import perceptual_of
from .temporal import TemporalMeter, judge_features

_GAP = 4
"""Dark columns between the input and the edited film side by side."""
_DARK = 24
_WARM_LR = 0.06
"""Step size of inversions that begin near their end, in standard deviations of mapped codes."""


@dataclasses.dataclass(frozen=True)
class VideoEditSettings:
    """How a video is edited."""

    side_by_side: bool = False
    """Whether the film shows the input on the left and the edited picture on the right."""
    seed: int = 0
    fit: str = "crop"
    """How frames are brought to the generator's shape; see `image_inversion.fit_image`."""
    size: int | None = None
    """Longer side of the film in pixels; None: the generator's own. The input's own detail is kept at this size."""
    fps: Fraction | None = None
    """Frames a second of the film; None: the video's own."""
    num_steps: int | None = None
    """Steps of the first frame's inversion; None: the inversion's own number."""
    warm_steps: int = 16
    """Steps of every later frame's inversion, which begins where the frame before it ended."""
    smoothing: float = 0.06
    """Standard deviation in seconds of the kernel that latents are averaged with over time; 0: as they are."""
    detail: float = 1.0
    """How much of what the generator can't draw of the input is put back where the edit keeps the picture's structure, 0..1."""
    batch: int = 4
    """Frames computed at once."""
    start: float = 0.0
    """Where in the video the film begins, in seconds."""
    seconds: float | None = None
    """How much of it is edited; None: all that follows."""
    sound_codec: str = "auto"
    """What becomes of the sound: one of `media.SOUND_CODECS`."""
    metadata: Mapping[str, Any] | None = None
    """What is kept in the file besides picture and sound, by name."""

    def __post_init__(self) -> None:
        check_choice("fit", self.fit, FITS)
        check_range("warm steps", self.warm_steps, 0, 10_000)
        check_range("smoothing", self.smoothing, 0, 10)
        check_range("detail", self.detail, 0, 1)
        if self.size is not None:
            check_range("size", self.size, 16, 4096)

    def inversion(self, anew: bool) -> InversionSettings:
        """How a frame is inverted: from the start, or from the frame before it."""
        if anew:
            return InversionSettings(space="w+", num_steps=self.num_steps, seed=self.seed)
        return InversionSettings(space="w+", num_steps=self.warm_steps, seed=self.seed, optimiser="adam", lr=_WARM_LR,
                                 perceptual_weight=0.0)


@dataclasses.dataclass
class Frame:
    """One frame on its way."""

    source: torch.Tensor
    """The input at the film's size, [1, 3, H, W] in -1..1."""
    small: torch.Tensor
    """The input at the generator's size."""
    shape: tuple[int, int]
    """Height and width of the video's picture."""


@dataclasses.dataclass
class InversionLog:
    """What the inversions of a video's frames came to, summed."""

    psnr: float = 0.0
    distance: float = 0.0
    num_frames: int = 0

    def report(self) -> dict[str, float]:
        """Means over the frames."""
        number = max(self.num_frames, 1)
        return {"psnr": round(self.psnr / number, 2), "distance": round(self.distance / number, 2)}


def edit_video(
    model: SoundModel,
    source: str | Path,
    output: str | Path,
    edits: Sequence[Edit],
    settings: VideoEditSettings | None = None,
    progress: Progress = silent,
    *,
    inverter: "FrameInverter | None" = None,
) -> dict[str, Any]:
    """A video at `output` (.mp4, .mov, .mkv, .webm, .gif, or a folder for PNG files) that is `source` with `edits`; returns a report.

    Without `settings` the defaults hold. `inverter` is what inversions share, if it's at hand from another video; None: it's made. The report has
    "num_frames", "fps", "seconds", "psnr" and "distance" of the inversion, the figures of `temporal.TemporalMeter`, and "notes". Nothing is left at
    `output` when the work is cancelled or fails. Raises MediaError, ConfigError.
    """
    began, settings, source = time.monotonic(), settings or VideoEditSettings(), Path(source)
    output = check_output(output, [source], settings.sound_codec)
    video = ShownVideo.open(source, fps=settings.fps, start=settings.start, seconds=settings.seconds)
    sound = Sound.from_file(source, settings.start, settings.seconds) if video.has_sound else None
    generator, size = model.generator, size_of_image(model.generator, settings.size)
    shape = (size[0], 2 * size[1] + _GAP) if settings.side_by_side else size
    writer = open_writer(output, video.fps, shape, sound, settings.sound_codec, metadata=settings.metadata)
    log, meter = InversionLog(), TemporalMeter(judge_features())
    inverted = inverted_frames(inverter or FrameInverter.of_model(model, progress), video, settings, log, progress)
    first = next(inverted)
    resolve = ResolveSettings(num_frames=video.num_frames, fps=video.fps, sound=sound)
    resolved = resolve_edits(model, tuple(edits), first[0][None], resolve, progress)
    placed = place_edits(resolved).fitted(size, video.num_frames, first[1].shape, settings.fit)
    done = 0
    with writer:
        for ws, frame in smoothed(_again(first, inverted), gaussian_kernel(settings.smoothing, video.fps)):
            image = edited_image(generator, ws[None], frame, edits=placed, index=done, detail=settings.detail)
            meter.add(frame.small[0], fit_image(image, size_of_image(generator), "stretch")[0])
            shown = to_uint8(_beside(frame.source, image) if settings.side_by_side else image)
            writer.write(shown)
            done += 1
            progress(done, video.num_frames, "frames", shown[0])
    return {
        "model": model.name,
        "num_frames": done,
        "fps": str(video.fps),
        "frames_in_file": video.stored_frames,
        "edits": [edit.name for edit in resolved],
        "size": list(size),
        **log.report(),
        **meter.report(float(video.fps)),
        "notes": [*_notes(video), *(note for edit in resolved for note in edit.notes)],
        "seconds": round(time.monotonic() - began, 2),
        "seconds_a_frame": round((time.monotonic() - began) / done, 3),
    }


def _again(first: Any, rest: Iterator[Any]) -> Iterator[Any]:
    yield first
    yield from rest


def _notes(video: ShownVideo) -> list[str]:
    if video.num_frames == video.stored_frames:
        return []
    return [f"{video.path.name}: holds {video.stored_frames} frames at times of their own; the film has {video.num_frames}, evenly, at "
            f"{float(video.fps):g} a second"]


@dataclasses.dataclass(frozen=True)
class FrameInverter:
    """What inversions of one generator share."""

    generator: Generator
    ground: Ground
    candidates: Candidates | None = None
    perceptual: Perceptual | None = None
    """Looks at frames that are inverted from the start; the others are near already."""

    @classmethod
    def of_generator(cls, generator: Generator) -> "FrameInverter":
        """For a generator alone."""
        return cls(generator, measure_ground(generator))

    @classmethod
    def of_model(cls, model: SoundModel, progress: Progress = silent) -> "FrameInverter":
        """For a model, with what its joint space knows."""
        if model.joint_space is None:
            return cls.of_generator(model.generator)
        known = joint_map(model, progress=progress)
        return cls(model.generator, known.ground, known.candidates, perceptual_of(model))

    def __call__(self, image: torch.Tensor, settings: InversionSettings, before: torch.Tensor | None, progress: Progress = silent) -> Inverted:
        """The latents of an image [1, 3, H, W], from those of the frame `before` on, if there's one."""
        return invert_image(self.generator, image, settings, start_ws=before, ground=self.ground, candidates=self.candidates,
                            perceptual=self.perceptual if before is None else None, progress=progress)


def inverted_frames(
    inverter: FrameInverter, video: ShownVideo, settings: VideoEditSettings, log: InversionLog, progress: Progress = silent
) -> Iterator[tuple[torch.Tensor, Frame]]:
    """The latents [L, D] of frame after frame, each with its frame; what they came to is summed in `log`.

    The first frame is inverted from the start, every later one from the latents before it, by a few steps; a cut in the video is noticed by
    its picture, and begins anew.
    """
    generator = inverter.generator
    size, own = size_of_image(generator, settings.size), size_of_image(generator)
    before: torch.Tensor | None = None
    last: Frame | None = None
    for index, pixels in enumerate(video):
        image = from_uint8(pixels)[None]
        frame = Frame(fit_image(image, size, settings.fit), fit_image(image, own, settings.fit), (pixels.shape[0], pixels.shape[1]))
        anew = before is None or last is None or _is_cut(last.small, frame.small)
        found = inverter(frame.small, settings.inversion(anew), None if anew else before, _Told(progress, index, video.num_frames))
        before, last = found.ws, frame
        log.psnr, log.distance, log.num_frames = log.psnr + found.psnr, log.distance + found.distance, log.num_frames + 1
        yield found.ws[0], frame


@dataclasses.dataclass(frozen=True)
class _Told:
    """The progress of one frame's inversion as that of the whole film: a frame counts as its share of steps."""

    progress: Progress
    index: int
    num_frames: int

    def __call__(self, done: float, total: float | None, note: str = "", preview: torch.Tensor | None = None) -> None:
        first = self.index == 0
        self.progress(self.index, self.num_frames, note if first else "frames", preview if first else None)


_CUT = 0.35
"""Mean difference of two neighbouring frames, of images in -1..1, from which on they belong to different shots."""


def _is_cut(one: torch.Tensor, other: torch.Tensor) -> bool:
    return float((one - other).abs().mean()) > _CUT


@torch.no_grad()
def edited_image(generator: Generator, ws: torch.Tensor, frame: Frame, edits: PlacedEdits, index: int, detail: float) -> torch.Tensor:
    """One edited frame at the film's size, [1, 3, H, W] in -1..1; `ws` [1, L, D] are its latents, `index` its number.

    `detail` is in 0..1.
    """
    device = generator.w_avg.device
    kept_ws = apply_edits(ws, edits.everywhere, index)
    drawn = rgb_images(generator, ws.to(device), noise_mode="const").cpu()
    changed = drawn if kept_ws is ws else rgb_images(generator, kept_ws.to(device), noise_mode="const").cpu()
    image = with_own_detail(frame.source, drawn, changed, detail)
    for region, own in edits.within:
        edited_ws = apply_edits(kept_ws, own, index)
        if edited_ws is kept_ws:
            continue
        soft = region.soft(index, 1)
        small = _resized(soft, drawn).to(device)
        inside = blended_images(generator, kept_ws.to(device), edited_ws.to(device), small, noise_mode="const").cpu()
        image = composite(image, with_own_detail(frame.source, drawn, inside, detail), soft)
    return image


def _resized(soft: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """A soft mask [1, H, W] at an image's size."""
    if soft.shape[-2:] == image.shape[-2:]:
        return soft
    return F.interpolate(soft[:, None], size=image.shape[-2:], mode="bilinear", antialias=True, align_corners=False)[:, 0]


def _beside(source: torch.Tensor, edited: torch.Tensor) -> torch.Tensor:
    """The input and the edited image side by side, a dark gap between."""
    gap = torch.full((1, 3, source.shape[2], _GAP), _DARK / 127.5 - 1)
    return torch.cat([source, gap, edited], 3)

