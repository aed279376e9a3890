"""Whether a long walk neither freezes nor drifts off: minute by minute of one long sound."""

from fractions import Fraction
from typing import Any

import numpy as np
import torch

from ...assembly import SoundModel
from ...generation import Sound, analyse_sound, heard_walk
from ...generation.render import RenderSettings, frames
from ...generation.seeded_start import draw_z, random_start
from ...judge import Judge
from ...pixels import from_uint8
from ...progress import Progress, silent
from ...walker import DEFAULT_PULL, WalkSettings
from ...world import KINDS, make_envelope, synth
from ..statistics import best_lag_correlation

_SOUND_RATE, _ENVELOPE_RATE, _FPS = 22_050, 100, 8
_MINUTE_SECONDS = 60


@torch.no_grad()
def long_walk(
    model: SoundModel,
    judge: Judge,
    *,
    kind: str = "wind noise",
    minutes: int = 5,
    seed: int = 4,
    pull: float = DEFAULT_PULL,
    num_codes: int = 10_000,
    size: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """For each minute: the frames' mean change, the judge's correlation, and how far the latents are from w_avg.

    The limit is the 99th percentile of the distance of `num_codes` mapped codes.

    `kind` is one of `KINDS`; the walk takes `minutes`. `pull` draws it back to its start, a share a second. Frames have `size` pixels (None: the
    generator's own).
    """
    seconds = float(_MINUTE_SECONDS * minutes)
    slow = make_envelope(kind, seed, seconds, _ENVELOPE_RATE)
    times = np.arange(int(seconds * _SOUND_RATE)) / _SOUND_RATE
    fine = np.interp(times, np.arange(len(slow)) / _ENVELOPE_RATE, slow).astype(np.float32)
    analysed = analyse_sound(Sound.from_waveform(torch.from_numpy(synth(kind, seed, fine, _SOUND_RATE))[None], _SOUND_RATE), model.mel)
    start_ws, settings = random_start(model.generator, seed), WalkSettings(pull=pull)
    walk = heard_walk(model, analysed, start_ws, Fraction(_FPS), settings=settings)
    w_avg = model.generator.w_avg.float().cpu()
    mapped = model.generator.mapping(draw_z(model.generator, seed + 1, num_codes).to(model.device))[:, 0].float().cpu()
    limit = (mapped - w_avg).norm(dim=1).quantile(0.99).item()
    distances, strengths, changes, kinds = [], [], [], []
    last: torch.Tensor | None = None
    done = 0
    for latents in walk:
        distances.append((latents - w_avg).norm(dim=2).mean(1))
        for some in frames(model.generator, [latents], RenderSettings(size=size, batch=8)):
            verdict = judge(from_uint8(some))
            strengths.append(verdict.envelope)
            kinds.append(verdict.logits.argmax(1))
            before = torch.cat([last[None] if last is not None else some[:1], some[:-1]])
            changes.append((some.float() - before.float()).abs().mean((1, 2, 3)))
            last = some[-1]
            done += len(some)
            progress(done, walk.num_frames, "long walk")
    distance, strength, change = torch.cat(distances).numpy(), torch.cat(strengths).numpy(), torch.cat(changes).numpy()
    right = torch.cat(kinds).numpy() == KINDS.index(kind)
    truth = np.interp(np.arange(len(strength)) / _FPS, np.arange(len(slow)) / _ENVELOPE_RATE, slow)
    rows = []
    for minute in range(minutes):
        part = slice(minute * _MINUTE_SECONDS * _FPS, (minute + 1) * _MINUTE_SECONDS * _FPS)
        rows.append(
            {
                "minute": minute + 1,
                "mean_change": round(float(change[part].mean()), 3),
                "envelope_correlation": round(best_lag_correlation(strength[part], truth[part], 2)[0], 3),
                "class_agreement": round(float(right[part].mean()), 3),
                "largest_distance": round(float(distance[part].max()), 3),
                "share_beyond_limit": round(float((distance[part] > limit).mean()), 4),
            }
        )
    return {"kind": kind, "pull": pull, "limit": round(limit, 3), "rows": rows}
