"""What is kept of a film: features, never frames. A clip's features are computed once a method, whatever tables are made of them."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...assembly import SoundModel
from ...atomic_files import atomic_write
from ...embedding import JointSpace, OpenClipSpace
from ...errors import DataError
from ...hashing import fingerprint
from ...judge import Judge
from ..networks.video import VideoNetwork, as_images
from ..statistics import fine_detail

VERSION = 5
"""Of what a record holds and how methods work; raised when either changes, so that old ones aren't mixed with new ones."""

Record = dict[str, np.ndarray]
"""What was seen of one film, by name; see `Eyes.look`."""


@dataclasses.dataclass(frozen=True)
class Eyes:
    """All that looks at films. The same for every method, also where a method has a model of its own."""

    judge: Judge | None
    space: JointSpace | OpenClipSpace | None
    networks: tuple[VideoNetwork, ...]

    @torch.no_grad()
    def look(self, frames: torch.Tensor) -> Record:
        """Frames uint8 [T, H, W, 3] -> a record.

        ``embeddings`` [T, E], the frames' F_v, as float16; ``kind`` [K] and ``strength`` [T] of the judge; ``features NAME`` [W, F] and
        ``classes NAME`` [W, K] of each video network; ``detail`` and ``change`` (mean change from frame to frame, levels of 255).
        """
        seen: Record = {"detail": np.array(fine_detail(frames)), "change": np.array(_change(frames))}
        if self.space is not None:
            device = next(self.space.parameters()).device
            seen["embeddings"] = self.space.embed_images(as_images(frames, device)).half().cpu().numpy()
        if self.judge is not None:
            verdict = self.judge(as_images(frames, next(self.judge.parameters()).device))
            seen["kind"], seen["strength"] = verdict.logits.softmax(1).mean(0).cpu().numpy(), verdict.envelope.cpu().numpy()
        for network in self.networks:
            found = network.look(frames)
            seen[f"features {network.name}"], seen[f"classes {network.name}"] = found.features.numpy(), found.classes.numpy()
        return seen

    def fingerprint(self) -> str:
        """Changes with any weight of any eye."""
        parts: list[Any] = [self.judge, self.space]
        for network in self.networks:
            parts += [network.name, network.network, getattr(network, "labels", ())]
        return fingerprint(parts)


def _change(frames: torch.Tensor) -> float:
    if len(frames) < 2:
        return 0.0
    return (frames[1:].float() - frames[:-1].float()).abs().mean().item()


def fingerprint_of_model(model: SoundModel) -> str:
    """Changes with any weight and any setting that a film depends on."""
    doubts = model.joint_space if model.doubts else None  # says whether a sound is a scene at all
    return fingerprint([model.generator, model.sound_encoder, model.walker, dataclasses.asdict(model.mel), doubts])


class RecordFolder:
    """Records of one way to make films of one source's clips, a file a clip, each written whole: what was cut off resumes from there.

    The folder is made below `root`; DataError is raised where it can't be.
    """

    def __init__(self, root: Path, about: dict[str, Any]) -> None:
        """`about` names everything that the records depend on; other things get other folders."""
        about = {**about, "version": VERSION}
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        self.folder = root / f"{about['method']}-{digest}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / "about.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        except OSError as error:
            raise DataError(f"{self.folder}: can't be written ({error.strerror or error}); choose another folder for --keep") from error

    def get(self, key: str) -> Record | None:
        """The record of a clip; None if there's none, or none that can be read."""
        try:
            with np.load(self.folder / f"{key}.npz", allow_pickle=False) as stored:
                return dict(stored)
        except (OSError, ValueError, KeyError, EOFError):
            return None

    def put(self, key: str, record: Record) -> None:
        """Keep the record of a clip. `key` names the clip."""
        with atomic_write(self.folder / f"{key}.npz", DataError) as part, part.open("wb") as file:
            np.savez(file, **record)  # type: ignore[arg-type]  # its keyword allow_pickle confuses the type checker
