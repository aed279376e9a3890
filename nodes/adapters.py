"""From ComfyUI's values to the core's and back; errors that name the wire."""

import contextlib
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from ..sgvg_core.audio import from_audio_dict
from ..sgvg_core.editing import weights_hash
from ..sgvg_core.errors import Cancelled, ConfigError, MediaError, SGVGError
from ..sgvg_core.generation import Pose, Sound
from ..sgvg_core.latents import LatentWalk, origin_of
from ..sgvg_core.media import read_sound
from ..sgvg_core.synthesis import Generator, as_rgb, rgb_images
from . import host
from .foreign_audio import Samples, sounds_of
from .sockets import AnyWalk

T = TypeVar("T")


@contextlib.contextmanager
def naming(where: str) -> Iterator[None]:
    """Inside the block, errors of the core get the name of the input or wire in front."""
    try:
        yield
    except Cancelled:
        raise
    except SGVGError as error:
        raise type(error)(f"{where}: {error}") from error


def expect(value: Any, kind: type[T], wire: str, source: str) -> T:
    """`value`, if it's what the wire carries, a `kind`; `source` names the node whose output belongs there. Raises ConfigError."""
    if not isinstance(value, kind):
        raise ConfigError(f"{wire}: got {'nothing' if value is None else type(value).__name__}; connect the output of {source}")
    return value


def drawing_model(value: Any) -> host.HostGenerator:
    """What the wire "model" carries, for nodes that only draw. Raises ConfigError."""
    return expect(value, host.HostGenerator, "model", "Load SGVG Model or Load StyleGAN")


def hearing_model(value: Any) -> host.HostModel:
    """What the wire "model" carries, for nodes that hear or walk. Raises ConfigError."""
    handle = expect(value, host.HostGenerator, "model", "Load SGVG Model")
    if not isinstance(handle, host.HostModel):
        raise ConfigError(f"model: {handle.name} is a generator alone, which can't hear; put Load Sound Encoder and Walker between it and this node")
    return handle


def with_generator(handle: host.HostGenerator, generator: Generator, what: str) -> host.HostGenerator:
    """The model `handle` around another generator of its kind, such as one that was tuned to a picture; `what` says so in its key and its words."""
    key = hashlib.sha256(f"{handle.key} {weights_hash(generator)}".encode()).hexdigest()
    changed: dict[str, Any] = {"generator": generator, "key": key, "drawing": host.HostModule(generator), "info": f"{handle.info}\n{what}"}
    if isinstance(handle, host.HostModel):
        changed["model"] = dataclasses.replace(handle.model, generator=generator)
    return dataclasses.replace(handle, **changed)


def walk_of(value: Any) -> AnyWalk:
    """What the wire "walk" carries. Raises ConfigError."""
    return expect(value, LatentWalk, "walk", "Recurrent Walker")  # type: ignore[type-abstract]


def pose_of(value: Any) -> Pose | None:
    """What the wire "pose" carries, if it's connected. Raises ConfigError."""
    return None if value is None else expect(value, Pose, "pose", "StyleGAN3 Pose")


def latents_shape(walk: AnyWalk) -> tuple[int, int]:
    """How many latents a frame of a walk has, and their size."""
    origin = origin_of(walk)
    ws = origin.start_ws if hasattr(origin, "start_ws") else origin.ws
    return ws.shape[1], ws.shape[2]


def check_latents(handle: host.HostGenerator, walk: AnyWalk) -> None:
    """Raise ConfigError unless the walk's latents are those of the generator in `handle`."""
    seen, wanted = latents_shape(walk), (handle.generator.num_ws, handle.generator.w_dim)
    if seen != wanted:
        raise ConfigError(
            f"walk: its latents are {seen[0]} of {seen[1]}, but {handle.name} takes {wanted[0]} of {wanted[1]}; use one model for both nodes"
        )


if TYPE_CHECKING:
    _Audio = dict[str, Any]  # a type checker takes `dict` for a MutableMapping already
else:

    class _Audio(MutableMapping, dict):
        """A dictionary whose `get`, `pop`, `update`, ... all go through the methods with underscores."""


class FileAudio(_Audio):
    """ComfyUI's AUDIO, {"waveform": [1, C, N], "sample_rate"}, of a file: the samples are decoded when someone asks for them.

    Our own nodes read the file itself, so that a sound of any duration streams, and a video gets the original sound. `source` is an
    attribute and no key: dictionaries that another node makes of it and changes don't carry it, and a change of this one drops it. Whoever
    only lists or measures it gets None for samples whose file is gone.
    """

    def __init__(self, source: Sound, sample_rate: int) -> None:
        dict.__init__(self, waveform=None, sample_rate=sample_rate)
        self.source: Sound | None = source

    def __getitem__(self, key: str) -> Any:
        if key == "waveform" and self.source is not None and dict.__getitem__(self, key) is None:
            source = self.source
            waveform, _ = read_sound(source.path, start=source.start, length=source.seconds, track=source.track_number,  # type: ignore[arg-type]
                                     tick=host.stop_if_cancelled)
            dict.__setitem__(self, key, waveform[None])
        return dict.__getitem__(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        self.source = None
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: str) -> None:
        self.source = None
        dict.__delitem__(self, key)

    def __iter__(self) -> Iterator[str]:
        return dict.__iter__(self)

    def __len__(self) -> int:
        return dict.__len__(self)

    def __contains__(self, key: object) -> bool:
        return dict.__contains__(self, key)

    def __or__(self, other: Any) -> dict[str, Any]:  # type: ignore[override]
        return {**self, **other}

    def __reduce__(self) -> tuple[Any, ...]:
        return (dict, (dict(self),)) if self.source is None else (FileAudio, (self.source, dict.__getitem__(self, "sample_rate")))

    def items(self) -> Any:
        """As a dictionary's, decoded where the file is there."""
        return self._listed().items()

    def values(self) -> Any:
        """As a dictionary's, decoded where the file is there."""
        return self._listed().values()

    def copy(self) -> dict[str, Any]:
        """A plain AUDIO dictionary."""
        return dict(self)

    def _listed(self) -> dict[str, Any]:
        try:
            return dict(self)
        except (SGVGError, OSError):
            return {key: dict.__getitem__(self, key) for key in self}


def to_sound(audio: Any, wire: str, item: int = 0) -> Sound:
    """The core's sound of an AUDIO dictionary: its file where it's known, else item `item` of its samples. Raises MediaError."""
    if isinstance(audio, FileAudio) and audio.source is not None:
        return audio.source
    return _sound(sounds_of(audio, wire), wire, item)


def to_sounds(audio: Any, wire: str) -> list[Sound]:
    """All sounds of an AUDIO wire's batch, in their order. Raises MediaError."""
    if isinstance(audio, FileAudio) and audio.source is not None:
        return [audio.source]
    sounds = sounds_of(audio, wire)
    return [_sound(sounds, wire, item) for item in range(len(sounds))]


def _sound(sounds: list[Samples], wire: str, item: int) -> Sound:
    if not -len(sounds) <= item < len(sounds):
        raise MediaError(f"{wire}: asked for item {item} of a batch of {len(sounds)}; choose a smaller one")
    waveform, sample_rate = sounds[item]
    with naming(wire):
        checked, _ = from_audio_dict({"waveform": waveform[None], "sample_rate": sample_rate})
    return Sound.from_waveform(checked, sample_rate)


def track_of(values: Any, name: str) -> float | list[float]:
    """What a FLOAT input carries when lists (`values`) are taken whole: one number, or one a frame. Raises ConfigError.

    Both kinds of lists come here flat: those that ComfyUI makes of an output that is a list, and a list that travels as one value.
    """
    flat = list(_numbers(values, name))
    if not flat:
        raise ConfigError(f"{name}: got an empty list, expected a number, or one for each frame")
    return flat[0] if len(flat) == 1 else flat


def _numbers(value: Any, name: str) -> Iterator[float]:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name}: got {type(value).__name__}, expected a number, or a list of numbers, one for each frame")
    else:
        yield float(value)


def one_number(value: Any, name: str) -> float:
    """What a FLOAT input carries that takes one number for the whole film. A list (`value`) that says one number over and over is that number.

    Raises ConfigError.
    """
    found = track_of(value, name)
    if not isinstance(found, list):
        return found
    if len(set(found)) > 1:
        raise ConfigError(
            f"{name}: got a list of {len(found)} numbers, {min(found):g} to {max(found):g}, expected one number for the whole film; a number a frame "
            "is what StyleGAN3 Pose takes"
        )
    return found[0]


def file_audio(path: Path, start: float, seconds: float | None, sample_rate: int, track: int | None = None) -> FileAudio:
    """A cut of a file as an AUDIO dictionary: `seconds` of it (None: to its end) from `start` (seconds) on.

    `track` is one of several sound tracks, from 1; None: the one marked default, else the first.
    """
    return FileAudio(Sound.from_file(path, start, seconds, track=track), sample_rate)


def images_from_uint8(frames: torch.Tensor) -> torch.Tensor:
    """Pictures uint8 [N, H, W, 3] or [H, W, 3] as ComfyUI's IMAGE, float32 [N, H, W, 3] in 0..1."""
    frames = frames if frames.ndim == 4 else frames[None]
    return frames.float() / 255


def images_from_frames(frames: torch.Tensor) -> torch.Tensor:
    """Pictures [N, 3, H, W] in -1..1 as ComfyUI's IMAGE, float32 [N, H, W, 3] in 0..1."""
    return (frames.float().clamp(-1, 1) + 1).div(2).permute(0, 2, 3, 1)


def image_of(handle: host.HostGenerator, ws: torch.Tensor) -> torch.Tensor:
    """What latents `ws` [N, L, D] look like, as ComfyUI's IMAGE; the generator in `handle` must be ready."""
    generator = handle.generator
    return host.to_host(images_from_frames(rgb_images(generator, ws.to(generator.w_avg.device), noise_mode="const")))


def frames_from_images(images: Any, wire: str) -> torch.Tensor:
    """ComfyUI's IMAGE, `images` [N, H, W, C] in 0..1, as pictures [N, 3, H, W] in -1..1. Raises ConfigError."""
    if not isinstance(images, torch.Tensor) or images.ndim != 4 or 0 in images.shape:
        seen = list(images.shape) if isinstance(images, torch.Tensor) else "nothing" if images is None else type(images).__name__
        raise ConfigError(f"{wire}: got {seen}, expected pictures [N, height, width, channels]; connect an IMAGE output")
    if not bool(images.isfinite().all()):
        raise ConfigError(f"{wire}: holds NaN or infinity; the node before it failed")
    return as_rgb(images.float().clamp(0, 1).permute(0, 3, 1, 2)) * 2 - 1


def cut(batches: Iterable[torch.Tensor], first: int, num_items: int) -> Iterator[torch.Tensor]:
    """Items `first` .. `first + num_items - 1` of a stream of batches [n, ...]; what comes after them isn't computed."""
    seen = 0
    for batch in batches:
        some = batch[max(0, first - seen) : max(0, first + num_items - seen)]
        seen += len(batch)
        if len(some):
            yield some
        if seen >= first + num_items:
            return


def read_labels(text: str) -> tuple[str, ...]:
    """Words of a text field, parted by commas, semicolons or new lines, each once."""
    parts = (part.strip() for part in text.replace(";", ",").replace("\n", ",").split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


def watched(batches: Iterable[T], every: Callable[[], None]) -> Iterator[T]:
    """The same stream of `batches`, with `every()` called before each item (it may raise, to cancel)."""
    for batch in batches:
        every()
        yield batch
