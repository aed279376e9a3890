"""How well the picture means the sound: the judge's class and strength against the hidden cause of held-out sounds.

Every row is about the same clips. Next to the films are a ceiling (rendered clips), what the generator alone costs (known codes), a
floor (the films under other clips' sounds) and controls (silence, the text constraint alone).
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ...assembly import SoundModel
from ...config import check_choice
from ...errors import ConfigError
from ...generation import Sound, analyse_sound, heard_walk
from ...generation.render import RenderSettings, frames, synthesize
from ...generation.seeded_start import random_start
from ...generation.sound_embedding import embed_sound
from ...generation.text_constraint import wanted_direction
from ...judge import Judge
from ...pixels import from_uint8
from ...progress import Progress, silent
from ...world import KINDS, make_envelope, render, synth
from ...world.clip import phases
from ...world.codes import Code, draw_codes, read_codes, write_codes
from ..statistics import (
    best_lag_correlation,
    bootstrap,
    fine_detail,
    frechet_distance,
    seconds_until_right,
)

_HELD_OUT_SEED = 900_000_000
SOUND_RATE = 22_050
"""Samples a second of held-out sounds."""
_ENVELOPE_RATE = 100
_MAX_LAG_SECONDS = 0.3
_NUM_CANDIDATES = 192


@dataclasses.dataclass(frozen=True)
class HeldOutClip:
    """A sound that no training saw, and its cause."""

    kind: int
    """Its place in `KINDS`."""
    seed: int
    waveform: torch.Tensor
    """[N] at 22,050 Hz."""
    envelope: np.ndarray
    """At the frames, [T]."""


@dataclasses.dataclass
class Film:
    """What the judge says of one film."""

    right: bool
    """Whether the judge's probabilities, averaged over the frames, name the sound's scene."""
    seconds_until_right: float
    """When it shows it from; infinite: never."""
    correlation: float
    """Of the read strength with the hidden envelope, at the best lag."""
    lag_seconds: float
    """That lag."""
    detail: float
    """Mean absolute Laplacian of its frames."""
    features: np.ndarray
    """The judge's features of every fourth frame, [T / 4, F]."""


def held_out_clips(num_clips: int, seed: int, seconds: float, fps: float) -> Iterator[HeldOutClip]:
    """`num_clips` clips of `seconds` each, at `fps`; they go through `KINDS` in turn."""
    for index in range(num_clips):
        yield held_out_clip(index, seed, seconds, fps)


def held_out_clip(index: int, seed: int, seconds: float, fps: float) -> HeldOutClip:
    """Clip `index` of a seed, `seconds` long, the same alone or among others."""
    kind, clip_seed = index % len(KINDS), held_out_seed(index, seed)
    slow = make_envelope(KINDS[kind], clip_seed, seconds, _ENVELOPE_RATE)
    at = np.arange(len(slow)) / _ENVELOPE_RATE
    fine = np.interp(np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE, at, slow).astype(np.float32)
    waveform = torch.from_numpy(synth(KINDS[kind], clip_seed, fine, SOUND_RATE))
    return HeldOutClip(kind, clip_seed, waveform, held_out_envelope(index, seed, seconds, fps))


def held_out_seed(index: int, seed: int) -> int:
    """The seed of a clip of the world that no training draws. `index` is the clip's number."""
    return _HELD_OUT_SEED + seed * 1_000_003 + index


def held_out_envelope(index: int, seed: int, seconds: float, fps: float) -> np.ndarray:
    """The hidden cause of a clip of `seconds` at its frames, [T]. `index` is the clip's number, which decides its kind too."""
    slow = make_envelope(KINDS[index % len(KINDS)], held_out_seed(index, seed), seconds, _ENVELOPE_RATE)
    return np.interp(np.arange(math.ceil(seconds * fps)) / fps, np.arange(len(slow)) / _ENVELOPE_RATE, slow)


@torch.no_grad()
def judge_film(judge: Judge, frames: torch.Tensor, kind: int, envelope: np.ndarray, fps: float) -> Film:
    """Frames uint8 [T, H, W, 3] against the kind and the envelope [T] they should show. `kind` is an index into `KINDS`."""
    images = from_uint8(frames)
    verdict = judge(images)
    probabilities = verdict.logits.softmax(1)
    num = min(len(envelope), len(frames))
    correlation, lag = best_lag_correlation(verdict.envelope.numpy()[:num], envelope[:num], int(_MAX_LAG_SECONDS * fps))
    right = probabilities.argmax(1).numpy() == kind
    return Film(
        bool(probabilities.mean(0).argmax() == kind),
        seconds_until_right(right, fps),
        correlation,
        lag / fps,
        fine_detail(frames),
        features=verdict.features[::4].numpy(),
    )


def code_path(clip: HeldOutClip, fps: float) -> torch.Tensor:
    """The codes [T, 64] of a scene of the clip's own, with its envelope and a phase that runs with it."""
    num = len(clip.envelope)
    phase = torch.from_numpy(phases(clip.envelope, fps, 0.0))
    codes = draw_codes(clip.seed, 1).expand(num, -1)
    return write_codes(codes, kind=torch.full((num,), clip.kind), envelope=torch.from_numpy(clip.envelope), phase=phase)


def rendered_frames(clip: HeldOutClip, fps: float, size: int) -> torch.Tensor:
    """The clip as the world renders it, uint8 [T, size, size, 3]."""

    def image(code: Code) -> np.ndarray:
        return render(code.kind, code.scene, code.envelope, code.phase, size)

    codes = read_codes(code_path(clip, fps))
    return torch.from_numpy(np.stack([image(dataclasses.replace(code, scene=codes[0].scene)) for code in codes]))


class Films:
    """The ways to make a film of a clip. `size` is the side of its pictures in pixels; None: the generator's own."""

    def __init__(self, model: SoundModel, fps: float, seed: int, size: int | None = None) -> None:
        self.model, self.fps, self.seed, self.size = model, fps, seed, size
        self._candidates: tuple[torch.Tensor, torch.Tensor] | None = None

    def rendered(self, clip: HeldOutClip) -> torch.Tensor:
        """The clip as the world renders it: the ceiling."""
        return rendered_frames(clip, self.fps, self.size or self.model.generator.img_resolution)

    def known_codes(self, clip: HeldOutClip) -> torch.Tensor:
        """The same, painted by the generator from its codes: what the generator alone costs."""
        ws = self.model.generator.mapping(code_path(clip, self.fps).to(self.model.device))
        return self._images([ws.cpu()])

    def random_start(self, clip: HeldOutClip) -> torch.Tensor:
        """The film of the clip's sound, from a random start latent."""
        return self._walk(clip.waveform, random_start(self.model.generator, self.seed + clip.seed))

    def chosen_start(self, clip: HeldOutClip) -> torch.Tensor:
        """The film of the clip's sound, from the start latent that the sound chooses."""
        analysed = analyse_sound(Sound.from_waveform(clip.waveform[None], SOUND_RATE), self.model.mel)
        return self._walk(clip.waveform, self._chosen(sound_embed=embed_sound(self.model, analysed)))

    def _chosen(self, **wanted: Any) -> torch.Tensor:
        """The candidate nearest to what is wanted; all clips choose among the same candidates, which are looked at once."""
        space = self.model.joint_space
        if space is None:
            raise ConfigError("choosing a start needs a joint space")
        if self._candidates is None:
            ws = random_start(self.model.generator, self.seed, num_codes=_NUM_CANDIDATES)
            images = synthesize(self.model.generator, [ws], batch=8)
            self._candidates = ws, torch.cat([space.embed_images(some).cpu() for some in images])
        ws, embedded = self._candidates
        return ws[(embedded @ wanted_direction(space, **wanted).cpu()).argmax()][None]

    def silence(self, clip: HeldOutClip) -> torch.Tensor:
        """The film of silence, from the clip's random start latent."""
        return self._walk(torch.zeros_like(clip.waveform), random_start(self.model.generator, self.seed + clip.seed))

    def text_alone(self, clip: HeldOutClip) -> torch.Tensor:
        """The start latent that the clip's label chooses, held still."""
        start = self._chosen(prompts=((KINDS[clip.kind], 1.0),))
        return self._images([start]).expand(len(clip.envelope), -1, -1, -1)

    def _walk(self, waveform: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        analysed = analyse_sound(Sound.from_waveform(waveform[None], SOUND_RATE), self.model.mel)
        return self._images(heard_walk(self.model, analysed, start, Fraction(self.fps).limit_denominator(1001)))

    def _images(self, walk: Any) -> torch.Tensor:
        return torch.cat(list(frames(self.model.generator, walk, RenderSettings(size=self.size, batch=8))))


ROWS = {
    "rendered": "rendered clips (ceiling)",
    "known": "G of known codes",
    "random": "sound, random start",
    "chosen": "sound, start chosen by the sound",
    "text": "text constraint alone",
    "silence": "silence, random start",
}
"""The rows of the table by their short names. "random" brings the floor along; "rendered" is always made, as the others are compared with it."""


@torch.no_grad()
def evaluate(
    model: SoundModel,
    judge: Judge,
    *,
    num_clips: int = 180,
    seed: int = 0,
    seconds: float = 4.0,
    fps: float = 12.0,
    rows: Sequence[str] = tuple(ROWS),
    size: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The table: ``{"rows": [{"name", "class_agreement", "envelope_correlation", "per_class", "interval", ...}], ...}``.

    `rows` are names of `ROWS`; each has `num_clips` films of `seconds`, with pictures of `size` pixels (None: the generator's own). Raises
    ConfigError for another name.
    """
    for name in rows:
        check_choice("rows", name, tuple(ROWS))
    films = Films(model, fps, seed, size)
    clips = list(held_out_clips(num_clips, seed, seconds, fps))
    every_maker: dict[str, tuple[Callable[[HeldOutClip], torch.Tensor], int]] = {
        "rendered": (films.rendered, 1),
        "known": (films.known_codes, 1),
        "random": (films.random_start, 1),
        "chosen": (films.chosen_start, 1),
        "text": (films.text_alone, 4),
        "silence": (films.silence, 4),
    }
    spaceless = model.joint_space is None
    makers = [
        (ROWS[name], make, every)
        for name, (make, every) in every_maker.items()
        if name == "rendered" or (name in rows and not (spaceless and name in ("chosen", "text")))
    ]
    made: list[dict[str, Any]] = []
    judged: dict[str, list[Film]] = {}
    total, done = sum(-(-num_clips // (every * 9)) * 9 for _, _, every in makers), 0
    for name, make, every in makers:
        some = clips[: max(9, -(-num_clips // (every * 9)) * 9)]
        judged[name] = []
        for clip in some:
            frames = make(clip)
            judged[name].append(judge_film(judge, frames, clip.kind, clip.envelope, fps))
            if name == ROWS["random"]:
                other = _of_another_kind(clip, clips)
                judged.setdefault("films under other sounds (floor)", []).append(judge_film(judge, frames, other.kind, other.envelope, fps))
            done += 1
            progress(done, total, name, frames[-1])
    ceiling = judged[ROWS["rendered"]]
    for name, results in judged.items():
        made.append(_row(name, results, [clip.kind for clip in clips], ceiling))
    return {"rows": made, "num_clips": num_clips, "seconds": seconds, "fps": fps, "seed": seed, "model": model.name}


def _of_another_kind(clip: HeldOutClip, clips: Sequence[HeldOutClip]) -> HeldOutClip:
    """The clip by whose sound a film of `clip` is judged in the floor: of another kind, where there's one."""
    first = (clip.seed * 7 + 4) % len(clips)
    return next((other for other in [*clips[first:], *clips[:first]] if other.kind != clip.kind), clips[first])


def _row(name: str, films: list[Film], kinds: list[int], ceiling: list[Film]) -> dict[str, Any]:
    right = np.array([film.right for film in films], float)
    correlation = np.array([film.correlation for film in films])
    when = np.array([film.seconds_until_right for film in films])
    per_class = {}
    for index, label in enumerate(KINDS):
        own = [i for i in range(len(films)) if kinds[i] == index]
        detail = np.mean([films[i].detail for i in own]) / np.mean([ceiling[i].detail for i in range(len(ceiling)) if kinds[i] == index])
        per_class[label] = {
            "class_agreement": round(float(right[own].mean()), 3),
            "envelope_correlation": round(float(np.median(correlation[own])), 3),
            "fine_detail": round(float(detail), 3),
        }
    features, wanted = np.concatenate([film.features for film in films]), np.concatenate([film.features for film in ceiling])
    return {
        "name": name,
        "num_clips": len(films),
        "class_agreement": round(float(right.mean()), 3),
        "envelope_correlation": round(float(np.median(correlation)), 3),
        "interval": {
            "class_agreement": [round(v, 3) for v in bootstrap(right, "mean")],
            "envelope_correlation": [round(v, 3) for v in bootstrap(correlation, "median")],
        },
        "lag_seconds": round(float(np.median([film.lag_seconds for film in films])), 3),
        "seconds_until_right": round(float(np.median(when)), 3) if np.isfinite(np.median(when)) else None,
        "fine_detail": round(float(np.mean([film.detail for film in films]) / np.mean([film.detail for film in ceiling])), 3),
        "frechet_distance": round(frechet_distance(features[::2], wanted[1::2]), 3),
        "per_class": per_class,
    }
