"""Sound in, moving picture out: the paper's method as numbered steps, each of which can be taken alone.

`walk_of_sound` hears, chooses a start and walks; edits change the walk; `frames` renders it; `write_film` puts it into a file. The command line,
the nodes and the evaluation make films of the same pieces.
"""

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..assembly import SoundModel, load_model
from ..atomic_files import check_no_input, checked_target
from ..clock import num_frames, to_fps
from ..curves.curve import Curve
from ..errors import ConfigError, MediaError
from ..latents import WalkEdit, edited, group_layers, origin_of
from ..media import CONTAINERS, FrameFolderWriter, VideoWriter, check_frame_folder, chosen_codec, contact_sheet, container_of
from ..motion import DriftBound, DriftSettings, Keyframes, LoopWalk, StyleMix, TruncatedWalk
from ..progress import Progress, silent
from .class_labels import check_label
from .driven import POSE_NUMBERS, film_numbers
from .keyframe_latents import KeySource, resolve_keyframes
from .looping import SoundLoop, loop_of_sound, looped
from .matte import MatteSettings, as_frames, draw_mattes
from .pose import Pose, pose_transforms
from .pose_keys import PoseKeys
from .render import final_size, frames
from .seeded_start import random_start
from .settings import GenerateSettings
from .side_by_side import panorama_walks
from .sound import Sound, analyse_sound
from .sound_curves import curves_of_sound, curves_of_source, refuse_unknown
from .spread import spread_of
from .start import mean_start, start_latent, truncation_centres
from .trajectory import Walk
from .walk_render import driven_render
from .walks_of_sounds import heard_walk

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
    """Figures of the film and of its making, by name, as `--json` prints them."""


def generate(
    sound: Sound | str | Path,
    output: str | Path,
    *,
    model: SoundModel | None = None,
    settings: GenerateSettings | None = None,
    start_ws: torch.Tensor | None = None,
    edits: Sequence[WalkEdit] = (),
    matte: str | Path | None = None,
    matte_settings: MatteSettings | None = None,
    sound_codec: str = "auto",
    progress: Progress = silent,
    **changes: Any,
) -> GeneratedVideo:
    """A video at `output` (.mp4, .mov, .mkv, .webm, .gif, or a folder for a PNG sequence) that moves as `sound` goes, with the sound in it.

    `sound` is a file of sound or video, or a `Sound` (a cut of one, a track of it, or samples). `model` is what `load_model` gives (None:
    the bundled one, on the best device). `settings` hold all the rest, and `changes` are single fields of them ("fps", "seed", "prompts",
    ...). `start_ws` [1, L, D] is a start of one's own. `edits` change
    the walk before it's rendered, the first of them first. `matte` is a second file: which pixels the sound moved, white on black, as
    `matte_settings` say. Memory doesn't grow with the length of the sound. Nothing is left at `output` when the work is cancelled or fails.

    `sound_codec` is "auto", "copy", "none" or an encoder's name. `progress(done, total, note, preview)` is called for each batch of frames,
    and may raise `Cancelled`. Raises ConfigError for settings, MediaError for files.
    """
    began = time.monotonic()
    settings = dataclasses.replace(settings or GenerateSettings(), **changes)
    settings = dataclasses.replace(settings, fps=to_fps(settings.fps))
    sound = sound if isinstance(sound, Sound) else Sound.from_file(sound)
    output = check_output(output, [sound.path, *files_read(settings)], sound_codec)
    matte_file = None if matte is None else check_output(matte, [sound.path, output, *files_read(settings)], "none")
    refuse_unknown(settings.curves)
    model = model or load_model()
    check_label(model.generator, settings.label)
    size = final_size(model.generator, settings.render)
    loop = None if settings.loop is None else loop_of_sound(sound, settings.loop, settings.fps, settings.curves, progress)
    sound = sound if loop is None else loop.once
    writer = open_writer(output, settings.fps, size, sound, sound_codec)  # what it can't write is said now, not after the film

    # 1. The walk of the sound (Eq. 1, 4, 5). Lazy: no step is taken yet.
    walk = walk_of_sound(model, sound, settings, progress, loop=loop, start_ws=start_ws)
    analysed, stays = origin_of(walk).analysed, origin_of(walk).stays

    # 2. What changes it on its way: numbers that change over time, then the edits.
    row = panorama_walks(model, settings, walk, progress)
    changed = edited(row, (*driven_edits(model, settings, walk.numbers, progress), *edits))

    # 3. Frame after frame (Eq. 6), 4. into the file, with the sound.
    pose = film_pose(settings, changed.num_frames, walk.numbers)
    render = driven_render(settings.render, changed, settings.noise_seconds)
    made = frames(model.generator, changed, render, pose=pose)
    num_done, sheet = write_film(writer, made, changed.num_frames, progress)
    if matte_file is not None:
        mattes = as_frames(draw_mattes(model.generator, changed, render, matte_settings, pose=pose))
        write_film(open_writer(matte_file, settings.fps, size, None, "none"), mattes, changed.num_frames, progress)
    report = {
        "model": model.name,
        "num_frames": num_done,
        "fps": str(settings.fps),
        "sound_seconds": round(float(analysed.duration if loop is None else loop.span.duration), 6),
        "notes": list(analysed.notes),
        "seed": settings.seed,
        "not_sure": stays,
        "size": max(size),
        "seconds": round(time.monotonic() - began, 2),
        "settings": settings.plain(),
        "loop": None if loop is None else {"start": round(loop.span.start, 6), "frames": loop.span.num_frames, "bars": loop.span.num_bars},
    }
    return GeneratedVideo(output, num_done, settings.fps, sheet, report)


def walk_of_sound(
    model: SoundModel, sound: Sound, settings: GenerateSettings, progress: Progress = silent, *, loop: SoundLoop | None = None,
    start_ws: torch.Tensor | None = None,
) -> Walk | LoopWalk:
    """The walk of a sound from `start_ws` [1, L, D], or with None from the start that the settings choose: w_hat^t = E_RNN(h, E_a(x) + w) for every
    step (Eq. 1, 4, 5).

    The sound is read once for its level and duration, once for the curves that drive numbers, and listened to where the start or `unsure` ask
    for it; steps follow lazily. A sound that is no scene leads nowhere, unless `settings.unsure` is "follow". With keyframes the walk starts
    at the first of them and is carried along. Of a `loop` (then `sound` is one pass of it) the walk is one pass, closed; None: no loop.

    `model` has the encoder and the walker; `progress` may raise to stop.
    """
    analysed = analyse_sound(sound, model.mel, progress)
    total = num_frames(analysed.duration, settings.fps)
    curves = None if loop is not None else curves_of_sound(sound, settings.curves, settings.fps, progress)
    numbers = loop.numbers(settings.curves) if loop is not None else film_numbers(settings.curves, curves, settings.fps, total)  # type: ignore[arg-type]
    keys = None if settings.keyframes is None else _keyframes(model, sound, settings, loop, progress)
    if keys is not None:
        start_ws = keys.at(torch.zeros(1))
    elif start_ws is None:
        start_ws = start_latent(model, analysed, settings.start, progress)
    walk = heard_walk(
        model, analysed, start_ws, settings.fps, unsure=settings.unsure, progress=progress, settings=settings.walk, causal=settings.causal,
        numbers=numbers, keys=keys, bound=drift_bound(model, settings.drift),
    )
    if loop is None:
        return walk
    return looped(walk, loop, numbers, progress)


def drift_bound(model: SoundModel, settings: DriftSettings) -> DriftBound | None:
    """What keeps the walk's steps within bounds; None where the settings set none."""
    return DriftBound(spread_of(model.generator), settings, float(model.walker.walk_rate)) if settings else None


def _keyframes(model: SoundModel, sound: Sound, settings: GenerateSettings, loop: SoundLoop | None, progress: Progress) -> Keyframes:
    """The settings' keyframes as latents, at their moments on the sound's beats."""
    plan = settings.keyframes
    if plan is None:
        raise ConfigError("keyframes: got none")
    grid = None
    if plan.needs_beats:
        grid = loop.grid() if loop is not None else curves_of_source(sound, ("beat", "onset"), progress).grid()
    period = None if loop is None else float(loop.span.duration)
    return resolve_keyframes(plan, KeySource(model, settings.start, progress), grid, period)


def files_read(settings: GenerateSettings) -> tuple[str | Path, ...]:
    """The files that a film's settings name, which it must not write over."""
    named = settings.centres if isinstance(settings.centres, str) else None
    keys = () if settings.keyframes is None else settings.keyframes.files
    return (*keys, *((named,) if named is not None else ()))


def write_film(
    writer: VideoWriter | FrameFolderWriter, made: Iterable[torch.Tensor], total: int, progress: Progress = silent
) -> tuple[int, torch.Tensor]:
    """Write frames, uint8 [n, H, W, 3] batch after batch, by `writer`: how many they were, and a contact sheet of them, uint8 [H, W, 3].

    `total` is how many are expected. `progress` sees the last frame of each batch, and may raise to stop; then nothing is left of the file.

    `made` are the batches of frames.
    """
    every = max(1, total // _SHEET_FRAMES)
    kept: list[torch.Tensor] = []
    done = 0
    with writer:
        progress(0, total, "frames")
        for some in made:
            writer.write(some)
            kept += [some[i] for i in range(len(some)) if (done + i) % every == 0]
            done += len(some)
            progress(done, total, "frames", some[-1])
    return done, contact_sheet(torch.stack(kept[:_SHEET_FRAMES]), 6)


def film_pose(settings: GenerateSettings, total: int, numbers: Mapping[str, Curve] | None = None) -> Pose | None:
    """Where the picture lies in each of `total` frames; None leaves it to the latents. Tracks among `numbers` come before the keyframes."""
    driven = {name: curve.at(settings.fps, total).values for name, curve in (numbers or {}).items() if name in POSE_NUMBERS}
    if settings.pose is None and settings.anchor == "none" and not driven:
        return None
    tracks = (settings.pose or PoseKeys()).tracks(total, settings.fps)
    return Pose(pose_transforms(**{**tracks, **driven}, num_frames=total), settings.anchor)


def driven_edits(
    model: SoundModel, settings: GenerateSettings, numbers: Mapping[str, Curve], progress: Progress = silent
) -> tuple[WalkEdit, ...]:
    """The changes of the walk that numbers over time make: psi of every frame's latent, and the mix with another start's latents."""
    edits: list[WalkEdit] = []
    if "mix" in numbers:
        other = random_start(model.generator, settings.mix_seed, label=settings.label)
        edits.append(StyleMix(other, group_layers(model.walker.slices, settings.mix_layers), numbers["mix"]))
    if "psi" in numbers or "centre" in numbers:
        centres = truncation_centres(model, settings.start, progress)
        centres = mean_start(model, settings.start, progress) if centres is None else centres
        psi = numbers.get("psi") or Curve.constant(settings.truncation_psi, settings.fps, 1)
        edits.append(TruncatedWalk(psi, centres, numbers.get("centre")))
    return tuple(edits)


def check_output(output: str | Path, inputs: Iterable[str | Path | None] = (), sound_codec: str = "auto") -> Path:
    """`output`, if a film can be written there: a video of a known kind, or a folder when it has no ending. Raises MediaError otherwise.

    `inputs` are the files that are read, which must stay (None among them: not given); `sound_codec` is what the video's sound is to be.
    """
    path = Path(output)
    check_no_input(path, inputs, MediaError)
    if path.suffix or path.name.lower() in CONTAINERS:
        checked_target(path, MediaError)
        chosen_codec(None, sound_codec, container_of(path))
        return path
    return check_frame_folder(path)


def open_writer(
    output: Path, fps: Fraction, size: tuple[int, int], sound: Sound | None, sound_codec: str, *, metadata: Mapping[str, Any] | None = None
) -> VideoWriter | FrameFolderWriter:
    """Where the frames (of this height and width) go: a video file with the sound, or a folder of PNGs when `output` has no suffix.

    `size` is height and width; `sound` None leaves the film silent; `sound_codec` is that of `generate`; `metadata` is
    kept in a video besides picture and sound.
    """
    if not output.suffix:
        return FrameFolderWriter(output)
    track = None if sound is None else sound.track()
    return VideoWriter(output, fps=fps, height=size[0], width=size[1], sound=track, sound_codec=sound_codec, metadata=metadata)
