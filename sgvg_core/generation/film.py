"""Sound in, moving picture out: the paper's method as numbered steps."""

import dataclasses
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..assembly import SoundModel, load_model
from ..atomic_files import check_no_input, checked_target
from ..clock import to_fps
from ..devices import to_dtype
from ..errors import MediaError
from ..media import CONTAINERS, FrameFolderWriter, VideoWriter, check_frame_folder, chosen_codec, contact_sheet, container_of
from ..progress import Progress, silent
from .listening import names_a_scene
from .pose import Pose
from .pose_keys import PoseKeys
from .render import resize, size_of_image, synthesize, to_uint8
from .settings import GenerateSettings
from .sound import Sound, analyse_sound
from .start import start_latent
from .trajectory import Walk

_SHEET_FRAMES = 24


@dataclasses.dataclass(frozen=True)
class GeneratedVideo:
    """What `generate` made."""

    path: Path
    num_frames: int
    fps: Fraction
    sheet: torch.Tensor
    """A contact sheet of frames over the whole film, uint8 [H, W, 3]."""
    report: dict[str, Any]


def generate(
    sound: Sound | str | Path,
    output: str | Path,
    *,
    model: SoundModel | None = None,
    settings: GenerateSettings | None = None,
    sound_codec: str = "auto",
    progress: Progress = silent,
    **changes: Any,
) -> GeneratedVideo:
    """A video at `output` (.mp4, .mov, .mkv, .webm, .gif, or a folder for a PNG sequence) that moves as `sound` goes, with the sound in it.

    `changes` are fields of `GenerateSettings` ("fps", "seed", "prompts", ...). Memory doesn't grow with the length of the sound.
    Nothing is left at `output` when the work is cancelled or fails.
    """
    began = time.monotonic()
    settings = dataclasses.replace(settings or GenerateSettings(), **changes)
    settings = dataclasses.replace(settings, fps=to_fps(settings.fps))
    sound = sound if isinstance(sound, Sound) else Sound.from_file(sound)
    output = check_output(output, [sound.path, settings.centres if isinstance(settings.centres, str) else None], sound_codec)
    model = model or load_model()
    height, width = size_of_image(model.generator, settings.size)
    writer = open_writer(output, settings.fps, (height, width), sound, sound_codec)  # what it can't write is said now, not after the film

    # 1. Hear the sound once: one dB reference for all its windows, and its duration.
    analysed = analyse_sound(sound, model.mel, progress)

    # 2. Choose the start latent w.
    start_ws = start_latent(model, analysed, settings, progress)

    # 3. Walk: w_hat^t = E_RNN(h, E_a(x) + w) for every step (Eq. 1, 4, 5). Lazy: nothing is computed yet.
    #    A sound that is no scene leads nowhere.
    sure = settings.unsure == "follow" or names_a_scene(model, analysed, progress)
    walk = Walk(analysed, model.sound_encoder, model.walker, start_ws, settings.fps, settings.walk, settings.causal, stays=not sure)

    # 4. Synthesize frame after frame (Eq. 6) into the file, with the sound.
    dtype = to_dtype(settings.dtype, model.device)
    pose = film_pose(settings, walk.num_frames)
    images = synthesize(
        model.generator, walk, batch=settings.batch, noise_mode=settings.noise_mode, seed=settings.seed, dtype=dtype, pose=pose
    )
    every = max(1, walk.num_frames // _SHEET_FRAMES)
    kept: list[torch.Tensor] = []
    done = 0
    with writer:
        progress(0, walk.num_frames, "frames")
        for some in images:
            frames = to_uint8(resize(some, (height, width)))
            writer.write(frames)
            kept += [frames[i] for i in range(len(frames)) if (done + i) % every == 0]
            done += len(frames)
            progress(done, walk.num_frames, "frames", frames[-1])
    report = {
        "model": model.name,
        "num_frames": done,
        "fps": str(settings.fps),
        "sound_seconds": round(float(analysed.duration), 6),
        "notes": list(analysed.notes),
        "seed": settings.seed,
        "not_sure": not sure,
        "size": max(height, width),
        "seconds": round(time.monotonic() - began, 2),
        "settings": _plain(settings),
    }
    return GeneratedVideo(output, done, settings.fps, contact_sheet(torch.stack(kept[:_SHEET_FRAMES]), 6), report)


def film_pose(settings: GenerateSettings, num_frames: int) -> Pose | None:
    """Where the picture lies in each frame; None leaves it to the latents."""
    if settings.pose is None and settings.anchor == "none":
        return None
    return Pose((settings.pose or PoseKeys()).transforms(num_frames, settings.fps), settings.anchor)


def check_output(output: str | Path, inputs: Iterable[str | Path | None] = (), sound_codec: str = "auto") -> Path:
    """`output`, if a film can be written there: a video of a known kind, or a folder when it has no ending. Raises MediaError otherwise.

    `inputs` are the files that are read, which must stay; `sound_codec` is what the video's sound is to be.
    """
    path = Path(output)
    check_no_input(path, inputs, MediaError)
    if path.suffix or path.name.lower() in CONTAINERS:
        checked_target(path, MediaError)
        chosen_codec(None, sound_codec, container_of(path))
        return path
    return check_frame_folder(path)


def open_writer(output: Path, fps: Fraction, size: tuple[int, int], sound: Sound, sound_codec: str) -> VideoWriter | FrameFolderWriter:
    """Where the frames (of this height and width) go: a video file with the sound, or a folder of PNGs when `output` has no suffix."""
    if not output.suffix:
        return FrameFolderWriter(output)
    return VideoWriter(output, fps=fps, height=size[0], width=size[1], sound=sound.track(), sound_codec=sound_codec)


def _plain(settings: GenerateSettings) -> dict[str, Any]:
    plain = dataclasses.asdict(settings)
    plain["fps"] = str(settings.fps)
    return plain
