"""From a work folder to a model folder: its parts, and the card that says where they come from."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ...assembly import SoundModel, load_judge, load_model
from ...atomic_files import atomic_write
from ...errors import CheckpointError
from ..runs.credits import credits_in, to_plain
from ..runs.history import HISTORY
from ..runs.model_card import write_card, write_recipe
from .paper_losses import PHASES
from .results import SHARPENED

PARTS = ("generator", "joint_space", "sound_encoder", "walker", "judge")
AFTER = ("warm-up", *(name.replace("_", "-") for name in PHASES))
"""After which stage the sound encoder and the walker are taken."""
LARGEST_FILE, LARGEST_MODEL = 30_000_000, 40_000_000
"""Bytes that a model that comes with the pack may have."""


def folder_after(work: Path, after: str) -> Path:
    """Where the sound encoder and the walker of a stage lie. `after` names the stage."""
    return work if after == "warm-up" else work / after.replace("-", "_")


def latest(work: Path) -> str:
    """The last stage whose sound encoder and walker are there."""
    there = [after for after in AFTER if (folder_after(work, after) / "walker.safetensors").exists()]
    return there[-1] if there else "warm-up"


def export_model(
    work: Path, folder: Path, after: str | None = None, *, table: Path | None = None, licence: str | None = None
) -> SoundModel:
    """Put the parts into `folder` with recipe.json and MODEL_CARD.md (a card of somebody's own stays), check that they fit each other, and
    return the loaded model.

    `after` names the stage whose sound encoder and walker are taken (None: the last that is there); `table` is a file of Markdown that
    `evaluate` wrote. Raises CheckpointError when a part is missing, ConfigError when they don't fit.

    `licence` is what the card says of it (None: nothing).
    """
    after = after or latest(work)
    sources = {part: (folder_after(work, after) if part in ("sound_encoder", "walker") else work) / f"{part}.safetensors" for part in PARTS}
    if (work / SHARPENED / "generator.safetensors").exists():
        sources["generator"] = work / SHARPENED / "generator.safetensors"
    missing = sorted(part for part, path in sources.items() if not path.exists())
    if missing:
        raise CheckpointError(f"{work}: has no {', '.join(missing)} yet; run the stages of `train` that make them first")
    folder.mkdir(parents=True, exist_ok=True)
    for part, path in sources.items():
        with atomic_write(folder / f"{part}.safetensors", CheckpointError) as temporary:
            shutil.copyfile(path, temporary)
    model = load_model(folder, "cpu")
    load_judge(folder / "judge.safetensors")
    write_recipe(folder, {**recipe_of(work, after, licence), "tables": [] if table is None else [table.read_text(encoding="utf-8").strip()]})
    write_card(folder)
    return model


def too_large(folder: Path) -> list[str]:
    """What is larger than a model that comes with the pack may be; empty when all is well."""
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.safetensors")}
    found = [f"{name} has {size / 1e6:.1f} MB, at most {LARGEST_FILE / 1e6:.0f}" for name, size in sizes.items() if size > LARGEST_FILE]
    total = sum(sizes.values())
    return found + ([f"all parts have {total / 1e6:.1f} MB, at most {LARGEST_MODEL / 1e6:.0f}"] if total > LARGEST_MODEL else [])


def recipe_of(work: Path, after: str, licence: str | None = None) -> dict[str, Any]:
    """All that the card says besides the weights' own configurations, out of the work folder: commands, data, losses at the end, credits.

    `after` names the stage; `licence` is what the card says of it (None: nothing).
    """
    recipe: dict[str, Any] = {"after": after, "stages": _stages(work), "data": _data(work), "losses": _losses(work)}
    recipe["recordings"] = to_plain(credits_in(work))
    return recipe if licence is None else {**recipe, "licence": licence}


def _stages(work: Path) -> list[dict[str, Any]]:
    """The commands that were run, in their order."""
    path = work / HISTORY
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines] or [{"stage": "all"}]


def _data(work: Path) -> list[str]:
    """What was learned from, as the work folder holds it."""
    images, sounds = work / "pictures" / "pictures.npy", work / "sounds" / "windows.npy"
    said = ["**Pictures**: renders of the procedural world (`sgvg_core/world`), nine scenes in which one hidden envelope drives picture and sound"]
    if images.exists():
        number, size = np.load(images, mmap_mode="r").shape[:2]
        said[0] += f"; {number:,} of {size} px"
    said.append("**Sounds**: synthesised by the same world, disturbed (rooms, microphones, codecs)")
    if sounds.exists():
        said[1] += f"; {np.load(sounds, mmap_mode='r').shape[0]:,} clips for the sound encoder and the walker"
    used = len(credits_in(work))
    said[1] += f"; and {used} real recordings, credited below" if used else ""
    return [f"{words}." for words in said] + ["**Captions** written by the world."] + _minutes(work)


def _minutes(work: Path) -> list[str]:
    """How long each stage has computed, by the last line of its log."""
    logs = {"generator": "*px.jsonl", "sharpen": f"{SHARPENED}/sharpen.jsonl", "joint-space": "joint_space.jsonl",
            "sound encoder": "sound_encoder.jsonl", "walker": "walker.jsonl", **{name: f"{name}/{name}.jsonl" for name in PHASES}}  # fmt: skip
    said = []
    for name, pattern in logs.items():
        lines = [line for path in work.glob(pattern) for line in path.read_text(encoding="utf-8").splitlines()[-2:]]
        seconds = [float(entry["seconds"]) for entry in map(json.loads, lines) if "seconds" in entry]
        said += [f"{name} {max(seconds) / 60:.1f}"] if seconds else []
    return [f"Minutes of computing, by the logs: {', '.join(said)}."] if said else []


def _losses(work: Path) -> list[str]:
    """The last line of the log of each phase of the paper's losses: the terms and their shares of the gradient, as a section of the card."""
    lines = []
    for name in PHASES:
        path = work / name / f"{name}.jsonl"
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        entries = [entry for entry in entries if any(key.startswith("share_") for key in entry)]
        if entries:
            shares = {key[6:]: value for key, value in entries[-1].items() if key.startswith("share_")}
            lines += [f"| {name} | {term} | {entries[-1].get(term, float('nan')):.4g} | {share:.0%} |" for term, share in shares.items()]
    return ["## Losses at the end", "", "| phase | term | value | share of the gradient |", "|---|---|---|---|", *lines, ""] if lines else []
