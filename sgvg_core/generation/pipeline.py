"""Sound in, moving picture out: the paper's method as numbered steps."""

import dataclasses
import time
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import torch

from ..assembly import SoundModel, load_latents, load_model
from ..clock import to_fps
from ..config import check_choice, check_range
from ..devices import to_dtype
from ..errors import ConfigError, MediaError
from ..media import CONTAINERS, FrameFolderWriter, VideoWriter, check_frame_folder, chosen_codec, contact_sheet, container_of
from ..progress import Progress, silent
from ..synthesis import ANCHORS, MAX_CENTRES, Label, Pose, PoseKeys, compute_centres
from ..walker import DEFAULT_PULL, WalkSettings
from ..whole_files import check_no_input, checked_target
from .frames import extent, resize, synthesize, to_uint8
from .listening import names_a_scene
from .sound import HeardSound, Sound, hear
from .start import random_start
from .text_constraint import choose_start
from .walk import Walk
from .windows import listening_windows

STARTS = ("sound", "random", "mean")
UNSURE = ("stay", "follow")
_SHEET_FRAMES = 24


@dataclasses.dataclass(frozen=True)
class GenerateSettings:
    """Everything that decides the picture. The same settings and seed give the same film."""

    fps: Fraction = Fraction(25)
    seed: int = 0
    start_from: str = "sound"
    """"sound": the start latent whose picture is nearest to the sound in the joint space; "random": the seed's first code; "mean": the
    generator's mean latent, with which the released code begins."""
    prompts: tuple[tuple[str, float], ...] = ()
    """Text constraint (paper 4.5): wanted texts and their weights."""
    negatives: tuple[tuple[str, float], ...] = ()
    num_candidates: int = 96
    """How many codes are sampled when the start latent is chosen."""
    truncation_psi: float = 1.0
    centres: int | str = 0
    """What truncation draws towards: 0, the mean latent; a number, the nearest of so many centres (see `synthesis.centres`); else a file
    of latents, its nearest."""
    label: Label | None = None
    """The class of a conditional generator by its number, or a mix {number: weight}; None: each code draws one."""
    pose: PoseKeys | None = None
    """How the picture of a StyleGAN3 is shifted, turned and zoomed over the film (see `synthesis.read_pose`)."""
    anchor: str = "none"
    """How latent 0 places the picture of a StyleGAN3; see `synthesis.anchor_placement`."""
    walk: WalkSettings = dataclasses.field(default_factory=lambda: WalkSettings(pull=DEFAULT_PULL))
    causal: bool = False
    unsure: str = "stay"
    """What a sound does that is none of the model's scenes (see `listening.names_a_scene`): "stay", the walk stays where it is, as in
    silence; "follow", it goes where the sound encoder leads."""
    noise_mode: str = "const"
    size: int | None = None
    """Side of the picture; None is the generator's own."""
    dtype: str = "float32"
    batch: int = 4

    def __post_init__(self) -> None:
        check_choice("start", self.start_from, STARTS)
        check_range("psi", self.truncation_psi, -2, 2)
        check_range("number of candidates", self.num_candidates, 1, 100_000)
        check_choice("anchor", self.anchor, ANCHORS)
        check_choice("unsure", self.unsure, UNSURE)
        if isinstance(self.centres, int):
            check_range("number of centres", self.centres, 0, MAX_CENTRES)
        if self.centres and self.truncation_psi == 1:
            raise ConfigError("centres: got some, but psi 1 draws nothing towards them; choose a smaller psi, such as 0.7")
        if self.size is not None:
            check_range("size", self.size, 16, 4096)


@dataclasses.dataclass(frozen=True)
class GeneratedVideo:
    """What `generate` made."""

    path: Path
    num_frames: int
    fps: Fraction
    sheet: torch.Tensor
    """A contact sheet of frames over the whole film, uint8 [H, W, 3]."""
    report: dict[str, Any]


def start_latent(model: SoundModel, heard: HeardSound, settings: GenerateSettings, progress: Progress = silent) -> torch.Tensor:
    """The start latent [1, L, D]: the mean, drawn at random, or chosen among candidates by the sound and the texts (paper 4.5)."""
    if settings.start_from == "mean":
        if settings.prompts or settings.negatives:
            raise ConfigError('start: got "mean" and prompts, expected one of them; prompts choose among codes from "sound" or "random"')
        return mean_start(model, settings, progress)
    by_sound = settings.start_from == "sound"
    centres = truncation_centres(model, settings, progress)
    if not by_sound and not settings.prompts and not settings.negatives:
        return random_start(model.generator, settings.seed, truncation_psi=settings.truncation_psi, centres=centres, label=settings.label)
    if model.joint_space is None:
        raise ConfigError(f"model {model.name}: has no joint space, which choosing a start needs; use a random start and no prompt")
    chosen = choose_start(
        model.generator,
        model.joint_space,
        seed=settings.seed,
        num_codes=settings.num_candidates,
        prompts=settings.prompts,
        negatives=settings.negatives,
        sound_embed=embed_sound(model, heard, progress) if by_sound else None,
        truncation_psi=settings.truncation_psi,
        centres=centres,
        label=settings.label,
        progress=progress,
    )
    return chosen.best


def mean_start(model: SoundModel, settings: GenerateSettings, progress: Progress = silent) -> torch.Tensor:
    """The generator's mean latent [1, L, D]; with a label, the mean of that class."""
    if settings.label is not None:
        return compute_centres(model.generator, 1, label=settings.label, progress=progress)
    return model.generator.w_avg.detach().float().cpu().expand(1, model.generator.num_ws, -1).clone()


def truncation_centres(model: SoundModel, settings: GenerateSettings, progress: Progress = silent) -> torch.Tensor | None:
    """What the start latent is drawn towards [K, L, D]; None is the mean latent."""
    if not settings.centres:
        return None
    if isinstance(settings.centres, int):
        return compute_centres(model.generator, settings.centres, label=settings.label, progress=progress)
    return load_latents(settings.centres, model.generator.num_ws, model.generator.w_dim)


@torch.no_grad()
def embed_sound(model: SoundModel, heard: HeardSound, progress: Progress = silent) -> torch.Tensor:
    """What the joint space hears in a whole sound: the mean of its windows' embeddings, [1, E], unit length.

    A joint space that hears other sound pictures than the model's sound encoder listens to the sound once more.
    """
    space = model.joint_space
    if space is None:
        raise ConfigError(f"model {model.name}: has no joint space")
    heard = heard if heard.mel == space.mel else hear(heard.sound, space.mel, progress)
    windows = listening_windows(heard, space.mel)
    total, done = torch.zeros(()), 0
    for log_mel in windows:
        total = total.to(model.device) + space.embed_sounds(log_mel.to(model.device)).sum(0, keepdim=True)
        done += len(log_mel)
        progress(done, len(windows), "what is heard")
    return torch.nn.functional.normalize(total, dim=1)


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
    height, width = extent(model.generator, settings.size)
    writer = open_writer(output, settings.fps, (height, width), sound, sound_codec)  # what it can't write is said now, not after the film

    # 1. Hear the sound once: one dB reference for all its windows, and its duration.
    heard = hear(sound, model.mel, progress)

    # 2. Choose the start latent w.
    start_ws = start_latent(model, heard, settings, progress)

    # 3. Walk: w_hat^t = E_RNN(h, E_a(x) + w) for every step (Eq. 1, 4, 5). Lazy: nothing is computed yet.
    #    A sound that is no scene leads nowhere.
    sure = settings.unsure == "follow" or names_a_scene(model, heard, progress)
    walk = Walk(heard, model.sound_encoder, model.walker, start_ws, settings.fps, settings.walk, settings.causal, stays=not sure)

    # 4. Synthesize frame after frame (Eq. 6) into the file, with the sound.
    dtype = to_dtype(settings.dtype, model.device)
    pose = film_pose(settings, walk.num_frames)
    pictures = synthesize(
        model.generator, walk, batch=settings.batch, noise_mode=settings.noise_mode, seed=settings.seed, dtype=dtype, pose=pose
    )
    every = max(1, walk.num_frames // _SHEET_FRAMES)
    kept: list[torch.Tensor] = []
    done = 0
    with writer:
        progress(0, walk.num_frames, "frames")
        for some in pictures:
            frames = to_uint8(resize(some, (height, width)))
            writer.write(frames)
            kept += [frames[i] for i in range(len(frames)) if (done + i) % every == 0]
            done += len(frames)
            progress(done, walk.num_frames, "frames", frames[-1])
    report = {
        "model": model.name,
        "num_frames": done,
        "fps": str(settings.fps),
        "sound_seconds": round(float(heard.duration), 6),
        "notes": list(heard.notes),
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
