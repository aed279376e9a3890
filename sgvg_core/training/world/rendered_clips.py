"""Short rendered clips: what the discriminators of Eq. 7 and 8 call real."""

import dataclasses
from pathlib import Path

import numpy as np
import torch

from ...atomic_files import atomic_write
from ...critics.size import to_critic_size
from ...errors import TrainingError
from ...hashing import MADE_OF, fingerprint, is_kept, note_kept
from ...pixels import from_uint8
from ...progress import Progress, silent
from ...world import make_envelope, render
from ...world.clip import PHASE_RATES, phases
from ...world.codes import draw_codes, read_codes, write_codes
from ...world.probes import probe_envelopes, probe_images
from ..runs.jobs import results_in_order

_SECONDS = 3.0
_CLIPS_A_JOB = 20


def _render_job(job: tuple[int, int, int, float, int, int]) -> np.ndarray:
    """Clips uint8 [n, T, size, size, 3] of scenes `first` and on, a moment of each."""
    seed, first, num_frames, rate, image_size, size = job
    clips = []
    for index, code in enumerate(draw_codes(seed, _CLIPS_A_JOB, first), start=first):
        what, rng = read_codes(code[None])[0], np.random.default_rng([seed, index])
        envelope = make_envelope(what.kind, int(rng.integers(2**31)), _SECONDS, rate)
        moment = int(rng.integers(len(envelope) - num_frames + 1))
        envelope = envelope[moment : moment + num_frames]
        phase = phases(envelope, rate, what.phase)
        written = write_codes(code[None].expand(num_frames, -1), envelope=torch.from_numpy(envelope), phase=torch.from_numpy(phase))
        shown = [dataclasses.replace(one, scene=what.scene) for one in read_codes(written)]
        frames = torch.from_numpy(np.stack([render(one.kind, one.scene, one.envelope, one.phase, image_size) for one in shown]))
        small = to_critic_size(frames.permute(0, 3, 1, 2).float(), size)
        clips.append(small.round().to(torch.uint8).permute(0, 2, 3, 1).numpy())
    return np.stack(clips)


@dataclasses.dataclass(frozen=True)
class RenderedClips:
    """Clips uint8 [C, T, size, size, 3], read from disk as they're needed."""

    clips: np.ndarray
    made_of: str = ""
    """The fingerprint of what they were made of."""

    def batch(self, rows: np.ndarray) -> torch.Tensor:
        """Some clips, [B, T, 3, size, size] in -1..1."""
        return from_uint8(torch.from_numpy(self.clips[np.sort(rows)]))


def render_clips(
    path: Path,
    *,
    seed: int,
    num_clips: int,
    num_frames: int,
    rate: float,
    image_size: int,
    size: int,
    workers: int = 2,
    progress: Progress = silent,
) -> RenderedClips:
    """Render clips of `num_frames` frames, `rate` a second, at `image_size`, kept at `size`, into a file, once: one of the same
    seed, numbers and sizes, by the same world, is used as it is.

    `num_clips` is the number of clips in the file.
    """
    asked = [seed, num_clips, num_frames, rate, image_size, size, _SECONDS, _CLIPS_A_JOB, PHASE_RATES]
    made_of, note = fingerprint(["clips", *asked, probe_images(), probe_envelopes()]), path.with_name(f"{path.stem}.{MADE_OF}")
    if not is_kept(note, made_of):
        path.parent.mkdir(parents=True, exist_ok=True)
        jobs = [(seed, first, num_frames, rate, image_size, size) for first in range(0, num_clips, _CLIPS_A_JOB)]
        parts = []
        for index, part in enumerate(results_in_order(_render_job, jobs, workers)):
            progress(index, len(jobs), "render clips")
            parts.append(part)
        with atomic_write(path, TrainingError) as part_file:
            np.save(part_file, np.concatenate(parts))
        note_kept(note, made_of, TrainingError)
    return RenderedClips(np.load(path, mmap_mode="r"), made_of)
