"""Networks that look at 16 frames at once, for the Frechet video distance and the inception score.

Each has a NAME, and what is measured bears it: "FVD-judge" and "FVD-I3D" are different scales and are never in one table.
"""

from typing import NamedTuple, Protocol

import torch
from torch.nn import functional as F

from ...embedding import JointSpace, OpenClipSpace
from ...judge import Judge
from ...pixels import from_uint8
from .i3d import I3D, SIDE

WINDOW = 16
"""Frames that a network sees at once."""


class Seen(NamedTuple):
    """What a network saw in W windows of a film."""

    features: torch.Tensor
    """[W, F], for the Frechet distance."""
    classes: torch.Tensor
    """[W, K], probabilities for the inception score."""


class VideoNetwork(Protocol):
    """What looks at films."""

    name: str

    @property
    def network(self) -> torch.nn.Module:
        """Whose weights tell whether what was seen before still counts."""

    def look(self, frames: torch.Tensor) -> Seen:
        """Frames uint8 [T, H, W, 3] -> what is seen in their windows."""


def windows(num_frames: int, most: int | None = None) -> torch.Tensor:
    """The frames of each window, int [W, 16]: side by side from the middle of a film out; a film of fewer frames is shown slower.

    `most` is the largest number of them (None: all there are); they are spread evenly.
    """
    if num_frames < WINDOW:
        return torch.linspace(0, num_frames - 1, WINDOW).round().long()[None]
    num = num_frames // WINDOW
    first = (num_frames - num * WINDOW) // 2
    found = first + torch.arange(num * WINDOW).reshape(num, WINDOW)
    return found if most is None or most >= num else found[torch.linspace(0, num - 1, most + 2)[1:-1].round().long()]


def as_images(frames: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Frames uint8 [N, H, W, 3] as images [N, 3, H, W] in -1..1."""
    return from_uint8(frames.to(device))


def _device(network: torch.nn.Module) -> torch.device:
    return next(network.parameters()).device


def of_frames(features: torch.Tensor, logits: torch.Tensor) -> Seen:
    """What is seen of windows by a network of single frames: features [T, E] and class scores [T, K] of a film -> `Seen`.

    A window's feature [2 E] is the mean over its frames, and the mean size of the change from frame to frame: where it goes, and how
    restlessly. Its scores are the mean of its frames'.

    `logits` are before the softmax.
    """
    index = windows(len(features)).to(features.device)
    seen = features[index]
    change = (seen[:, 1:] - seen[:, :-1]).abs().mean(1)
    return Seen(torch.cat([seen.mean(1), change], 1).cpu(), logits[index].mean(1).softmax(1).cpu())


class JudgeNetwork:
    """The judge's features and kinds."""

    name = "judge"

    def __init__(self, judge: Judge) -> None:
        self.network = judge

    @torch.no_grad()
    def look(self, frames: torch.Tensor) -> Seen:
        """What the judge sees of frames, uint8 [T, H, W, 3]."""
        verdict = self.network(as_images(frames, _device(self.network)))
        return of_frames(verdict.features, verdict.logits)


class JointSpaceNetwork:
    """F_v's embeddings, and the likeness to each of `labels` as class: for models whose scenes no judge knows."""

    name = "joint-space"

    def __init__(self, space: JointSpace | OpenClipSpace, labels: tuple[str, ...]) -> None:
        self.network, self.labels = space, labels

    @torch.no_grad()
    def look(self, frames: torch.Tensor) -> Seen:
        """What the joint space sees of frames, uint8 [T, H, W, 3]."""
        embedded = self.network.embed_images(as_images(frames, _device(self.network)))
        texts = self.network.embed_texts(list(self.labels)) if self.labels else embedded.new_zeros(1, embedded.shape[1])
        return of_frames(embedded, self.network.logit_scale * embedded @ texts.T)


class I3DNetwork:
    """I3D with Kinetics' weights on the middle window of a film: its class scores before the softmax as features, after it as classes."""

    name = "I3D"

    def __init__(self, network: I3D) -> None:
        self.network = network

    @torch.no_grad()
    def look(self, frames: torch.Tensor) -> Seen:
        """What I3D sees of frames, uint8 [T, H, W, 3]: of their middle 16."""
        clips = as_images(frames[windows(len(frames), 1)[0]], _device(self.network))
        clips = F.interpolate(clips, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        scores = self.network(clips.transpose(0, 1)[None]).cpu()
        return Seen(scores, scores.softmax(1))
