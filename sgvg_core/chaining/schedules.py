"""Schedules of prompts, as text: which prompt begins at which frame."""

import json
from collections.abc import Mapping, Sequence

import torch

from ..curves.curve import Curve
from ..errors import ConfigError, shown
from .mixing import mixing_weights, nearest_example


def winners(scores: Sequence[Curve], hold_seconds: float = 0.5) -> torch.Tensor:
    """The strongest of several curves (`scores`) in each frame [T] (int64); another one takes over only if it stays so for `hold_seconds`.

    Raises ConfigError unless that is 0 or more and under an hour.
    """
    if not 0 <= hold_seconds < 3600:
        raise ConfigError(f"hold_seconds: got {hold_seconds}, expected 0 to 3600")
    best = nearest_example(mixing_weights(scores)).tolist()
    hold = max(1, round(hold_seconds * float(scores[0].rate)))
    current, made = best[0], []
    ahead = _run_lengths(best)
    for frame, one in enumerate(best):
        if one != current and ahead[frame] >= min(hold, len(best) - frame):
            current = one
        made.append(current)
    return torch.tensor(made)


def _run_lengths(values: Sequence[int]) -> list[int]:
    """How many frames from each on have the same value."""
    lengths = [1] * len(values)
    for frame in range(len(values) - 2, -1, -1):
        if values[frame] == values[frame + 1]:
            lengths[frame] = lengths[frame + 1] + 1
    return lengths


def prompt_schedule(chosen: Sequence[int], prompts: Sequence[str]) -> str:
    """Lines ``"frame": "prompt"``, parted by commas, one where the prompt changes: what batch prompt schedules of other packs read.

    `chosen` has the number of a prompt for each frame. Raises ConfigError for a prompt that isn't there.

    `prompts` are the texts that the numbers choose among.
    """
    lines, last = [], None
    for frame, number in enumerate(chosen):
        if number == last:
            continue
        if not 0 <= number < len(prompts):
            raise ConfigError(f"frame {frame}: asks for prompt {number + 1}, but there are {len(prompts)}")
        lines.append(f'"{frame}": {json.dumps(prompts[number], ensure_ascii=False)}')
        last = number
    return ",\n".join(lines)


def read_labelled_lines(text: str) -> Mapping[str, str]:
    """Lines ``label: prompt`` (a line without a colon is both) as a dictionary, in order. Raises ConfigError for a label given twice."""
    found: dict[str, str] = {}
    for line in filter(str.strip, text.splitlines()):
        label, colon, prompt = line.partition(":")
        label = label.strip()
        if not label or label in found:
            raise ConfigError(f"prompts: the line {shown(repr(line), 60)} has no label, or one that was there before; expected label: prompt")
        found[label] = prompt.strip() if colon and prompt.strip() else label
    return found
