"""Originals cut into clips: sound and frames of a stretch of time, on one clock.

Frame k of a file is what a player shows at k / fps seconds; clip i holds frames [i F, (i + 1) F) and the samples of the same stretch. A
clip ends where the first of its picture and its sound ends.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clock import num_frames
from ..errors import MediaError
from ..media import SoundReader, probe_sound, read_image, read_sound
from ..world.clip import clip as world_clip
from .coding import jpeg_bytes
from .options import Chunk, LeftOut, Original, PrepareOptions
from .video_frames import Square, shown_images

_SILENT_PEAK = 1 / 65_536
"""Below this every sample is zero once it's stored."""
_REST_SECONDS = 0.5
"""A shorter rest at the end of a file is no loss worth a line in the report."""

OnProgress = Callable[[float], None]
"""Told often which share of an original is done, 0..1."""


@dataclasses.dataclass(frozen=True)
class Cut:
    """A clip before it's stored."""

    start_seconds: float
    """Where in its original it begins."""
    seconds: float
    """Its length."""
    waveform: NDArray[np.float32]
    """[N], mono."""
    frames: list[bytes]
    """JPEGs."""
    details: dict[str, Any] = dataclasses.field(default_factory=dict)
    """What else is known of it, for its JSON."""


def cuts(original: Original, root: Path, options: PrepareOptions, on_progress: OnProgress) -> Iterator[Cut | LeftOut]:
    """The clips of an original, in order. Raises MediaError when it can't be decoded to its end: then none of it counts.

    `root` is the folder that names of originals start from.
    """
    if original.kind == "world":
        yield _world_cut(original, options)
    elif original.kind == "chunks":
        for run in unbroken(original.chunks):
            yield from _pieces(original, options, Fraction(run[0].milliseconds, 1000), *_chunk_streams(run, root, options, on_progress))
    else:
        path = root / original.name
        share = _Share(path, options, on_progress)
        reader = SoundReader(path, sample_rate=options.sample_rate, mono=True, track=options.track, strict=bool(options.strict))
        waveforms = (chunk[0].numpy() for chunk in reader)
        images = shown_images(path, options.exact_fps, options.size, options.fit) if original.kind == "video" else None
        yield from _pieces(original, options, Fraction(0), _Taken(waveforms, share.of_sound if images is None else None),
                           None if images is None else _jpegs(images, options.quality, share.of_images))
        if not reader.health.complete:
            yield LeftOut(original.name, 0.0, round(float(reader.health.lost), 3), str(reader.health.warning()))


def _pieces(original: Original, options: PrepareOptions, offset: Fraction, waveforms: "_Taken",
            frames: Iterator[bytes] | None) -> Iterator[Cut | LeftOut]:
    """A stream of sound and one of frames as clips of the options' length."""
    per_clip, fps, rate = options.frames_per_clip, options.exact_fps, options.sample_rate
    rest: LeftOut | None = None
    for index in range(2**31):
        start, end = Fraction(index * per_clip) / fps, Fraction((index + 1) * per_clip) / fps
        waveform = waveforms.take(round(end * rate) - round(start * rate))
        some = list(itertools.islice(frames, per_clip)) if frames is not None else None
        if not len(waveform) and not some:
            break
        if index and some is not None and (not some or not len(waveform)):
            reason = "the picture goes on without sound" if some else "the sound goes on without picture"
            more = float(max(Fraction(len(waveform), rate), len(some) / fps))
            rest = rest or LeftOut(original.name, float(offset + start), 0.0, reason)
            rest = dataclasses.replace(rest, seconds=round((rest.seconds or 0.0) + more, 3))
            continue
        found = _ended(original, float(offset + start), waveform, some, options, first=index == 0)
        if found is not None:
            yield found
    if rest is not None and (rest.seconds or 0.0) >= _REST_SECONDS:
        yield rest


def _ended(original: Original, start: float, waveform: NDArray[np.float32], frames: list[bytes] | None, options: PrepareOptions,
           *, first: bool) -> Cut | LeftOut | None:
    """Sound and frames of one stretch, ended together; None for a rest that isn't worth a word."""
    rate, fps = options.sample_rate, options.exact_fps
    sound_seconds = seconds = longest = Fraction(len(waveform), rate)
    what = ""
    if frames is not None:
        image_seconds = Fraction(len(frames)) / fps
        seconds, longest = min(sound_seconds, image_seconds), max(sound_seconds, image_seconds)
        frames = frames[:num_frames(seconds, fps)] if seconds else []
        what = f" (sound {float(sound_seconds):.2f} s, picture {float(image_seconds):.2f} s)"
    if seconds < Fraction(str(options.shortest)):
        if not first and longest < Fraction(str(min(_REST_SECONDS, options.shortest))):
            return None
        where = "too short" if first else "the rest is too short"
        return LeftOut(original.name, start, round(float(longest), 3),
                       f"{where}: {float(seconds):.2f} s{what}, expected at least {options.shortest:g} s")
    waveform = waveform[:round(seconds * rate)]
    if float(np.abs(waveform).max()) < _SILENT_PEAK:
        return LeftOut(original.name, start, round(float(longest), 3), "silent: no sample of its sound differs from zero")
    return Cut(start, float(seconds), waveform, frames or [])


class _Taken:
    """Pieces of a waveform, taken in other lengths."""

    def __init__(self, pieces: Iterator[NDArray[np.float32]], told: Callable[[int], None] | None = None) -> None:
        self._pieces, self._told = pieces, told
        self._waiting = np.zeros(0, np.float32)

    def take(self, num_samples: int) -> NDArray[np.float32]:
        """The next samples; fewer at the end, none behind it."""
        taken, num = [self._waiting], len(self._waiting)
        while num < num_samples and (piece := next(self._pieces, None)) is not None:
            taken.append(piece)
            num += len(piece)
            if self._told is not None:
                self._told(len(piece))
        joined = np.concatenate(taken)
        self._waiting = joined[num_samples:].copy()
        return joined[:num_samples]


def _jpegs(images: Iterator[NDArray[np.uint8]], quality: int, told: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Pictures as JPEGs; one that stays is encoded once."""
    last: NDArray[np.uint8] | None = None
    data = b""
    for pixels in images:
        if pixels is not last:
            data, last = jpeg_bytes(pixels, quality), pixels
        yield data
        if told is not None:
            told(1)


class _Share:
    """Which share of a file is done, as far as it tells its length."""

    def __init__(self, path: Path, options: PrepareOptions, on_progress: OnProgress) -> None:
        info = probe_sound(path, options.track)
        self._seconds = info.duration_seconds if info.exact else 0.0
        self._done, self._tick = 0.0, on_progress
        self._fps, self._rate = float(options.exact_fps), options.sample_rate

    def of_images(self, count: int) -> None:
        """Count `number` more frames as done."""
        self._more(count / self._fps)

    def of_sound(self, num_samples: int) -> None:
        """Count `number` more samples as done."""
        self._more(num_samples / self._rate)

    def _more(self, seconds: float) -> None:
        self._done += seconds
        self._tick(min(1.0, self._done / self._seconds) if self._seconds > 0 else 0.0)


# -------------------------------------------------- recordings in chunks


def unbroken(chunks: Sequence[Chunk]) -> Iterator[list[Chunk]]:
    """Runs of chunks that follow one another at the recording's own step (the smallest between two of them)."""
    step = min((after.milliseconds - before.milliseconds for before, after in itertools.pairwise(chunks)), default=0)
    run: list[Chunk] = []
    for chunk in chunks:
        if run and chunk.milliseconds - run[-1].milliseconds > step:
            yield run
            run = []
        run.append(chunk)
    if run:
        yield run


def _chunk_streams(run: list[Chunk], root: Path, options: PrepareOptions, on_progress: OnProgress) -> tuple[_Taken, Iterator[bytes]]:
    """The sound and the frames of a run. Chunks overlap; each adds what lies behind the one before. A picture is its chunk's first moment."""
    begin, rate = run[0].milliseconds, options.sample_rate

    def place(milliseconds: int) -> int:
        return (milliseconds - begin) * rate // 1000

    def sounds() -> Iterator[NDArray[np.float32]]:
        done = 0
        for index, chunk in enumerate(run):
            samples = read_sound(root / chunk.sound, sample_rate=rate, mono=True, track=options.track, strict=bool(options.strict))[0][0].numpy()
            until = place(run[index + 1].milliseconds) if index + 1 < len(run) else place(chunk.milliseconds) + len(samples)
            piece = samples[done - place(chunk.milliseconds):until - place(chunk.milliseconds)]
            if not len(piece):
                raise MediaError(f"{root / chunk.sound}: it ends before the next one begins, at {run[index + 1].milliseconds} ms; "
                                 "the data lacks sound, copy it again")
            done += len(piece)
            yield piece
            on_progress((index + 1) / len(run))

    def images() -> Iterator[NDArray[np.uint8]]:
        square, count = Square(options.size, options.fit), 0
        end = run[-1].milliseconds + (run[-1].milliseconds - run[-2].milliseconds if len(run) > 1 else 100)
        for index, chunk in enumerate(run):
            until = run[index + 1].milliseconds if index + 1 < len(run) else end
            pixels = square.image(read_image(root / chunk.image, formats=("JPEG", "PNG")))
            while Fraction(count) / options.exact_fps < Fraction(until - begin, 1000):
                yield pixels
                count += 1

    return _Taken(sounds()), _jpegs(images(), options.quality)


# -------------------------------------------------- the world


def _world_cut(original: Original, options: PrepareOptions) -> Cut:
    """A clip of the procedural world, with what both its sides follow from."""
    seconds = Fraction(options.frames_per_clip) / options.exact_fps
    fps = float(options.exact_fps)
    made = world_clip(str(original.label), original.seed, float(seconds), fps=fps, size=options.size, sample_rate=options.sample_rate)
    frames = list(_jpegs(iter(made.frames[:options.frames_per_clip]), options.quality))
    details = {"world": {"kind": original.label, "seed": original.seed, "scene": dataclasses.asdict(made.scene),
                         "envelope": [round(float(e), 5) for e in made.envelope[:len(frames)]],
                         "phase": [round(float(p), 5) for p in made.phase[:len(frames)]]}}
    return Cut(0.0, float(seconds), made.waveform[:round(seconds * options.sample_rate)], frames, details)


def sha256_of(original: Original, root: Path) -> str:
    """The hash of an original's bytes (of all its chunks in order, or of its recipe). `root` is the folder that names of originals start from."""
    if original.kind == "world":
        return hashlib.sha256(f"{original.name}/{original.seed}".encode()).hexdigest()
    digest = hashlib.sha256()
    names = [name for chunk in original.chunks for name in (chunk.image, chunk.sound)] or [original.name]
    for name in names:
        with (root / name).open("rb") as file:
            while block := file.read(2**22):
                digest.update(block)
    return digest.hexdigest()
