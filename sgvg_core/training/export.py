"""From a work folder to a model folder: its parts, and the card that says where they come from."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..assembly import SoundModel, load_judge, load_model
from ..errors import CheckpointError
from ..world.recordings import find_recordings
from .finetune import PHASES
from .results import SHARPENED

PARTS = ("generator", "joint_space", "sound_encoder", "walker", "judge")
AFTER = ("warm-up", *(name.replace("_", "-") for name in PHASES))
"""After which stage the sound encoder and the walker are taken."""
HISTORY = "history.jsonl"
"""In the work folder: one line a command that was run."""
CREDITS = "recordings_used.json"
"""In the work folder: the recordings that were learned from."""
_TABLE = "<!-- TABLE:"
"""Stands in a card whose table is still to be filled in."""
LARGEST_FILE, LARGEST_MODEL = 15_000_000, 24_000_000
"""Bytes that a model that comes with the pack may have."""


def folder_after(work: Path, after: str) -> Path:
    """Where the sound encoder and the walker of a stage lie."""
    return work if after == "warm-up" else work / after.replace("-", "_")


def latest(work: Path) -> str:
    """The last stage whose sound encoder and walker are there."""
    there = [after for after in AFTER if (folder_after(work, after) / "walker.safetensors").exists()]
    return there[-1] if there else "warm-up"


def note_command(work: Path, stage: str, options: Mapping[str, Any]) -> None:
    """Remember a command for the model card; without folders, which are this machine's own."""
    with (work / HISTORY).open("a") as lines:
        lines.write(json.dumps({"stage": stage, **options}) + "\n")


def note_recordings(work: Path, folder: Path) -> None:
    """Remember the recordings of a folder, with the lines of its CREDITS.md that name them."""
    credits = folder / "CREDITS.md"
    rows = credits.read_text(encoding="utf-8").splitlines() if credits.exists() else []
    used = {}
    for kind, path in find_recordings(folder):
        row = next((row for row in rows if path.name in row), f"| {kind} | {path.name} | | not known | | |")
        used[f"{path.parent.name}/{path.name}"] = row
    header = next(([row, rows[index + 1]] for index, row in enumerate(rows[:-1]) if row.startswith("| scene")), [])
    (work / CREDITS).write_text(json.dumps({"header": header, "rows": used}, indent=1), encoding="utf-8")


def export_model(work: Path, folder: Path, after: str | None = None) -> SoundModel:
    """Put the parts into `folder` with MODEL_CARD.md (a card that was filled in stays), check that they fit each other, and return the loaded model.

    `after` names the stage whose sound encoder and walker are taken (None: the last that is there). Raises CheckpointError when a
    part is missing, ConfigError when they don't fit.
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
        temporary = folder / f"{part}.tmp"
        shutil.copyfile(path, temporary)
        temporary.replace(folder / f"{part}.safetensors")
    model = load_model(folder, "cpu")
    load_judge(folder / "judge.safetensors")
    card = folder / "MODEL_CARD.md"
    if not card.exists() or _TABLE in card.read_text(encoding="utf-8"):  # a card that was filled in is somebody's work
        card.write_text(model_card(work, folder, after), encoding="utf-8")
    return model


def too_large(folder: Path) -> list[str]:
    """What is larger than a model that comes with the pack may be; empty when all is well."""
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.safetensors")}
    found = [f"{name} has {size / 1e6:.1f} MB, at most {LARGEST_FILE / 1e6:.0f}" for name, size in sizes.items() if size > LARGEST_FILE]
    total = sum(sizes.values())
    return found + ([f"all parts have {total / 1e6:.1f} MB, at most {LARGEST_MODEL / 1e6:.0f}"] if total > LARGEST_MODEL else [])


def model_card(work: Path, folder: Path, after: str) -> str:
    """The card: what it is, data, commands, losses, recordings, and the table to be filled in."""
    sizes = [f"| {path.name} | {path.stat().st_size / 1e6:.2f} MB |" for path in sorted(folder.glob("*.safetensors"))]
    return "\n".join(
        [
            f"# {folder.name}",
            "",
            "A sound-to-video model after *Sound-Guided Semantic Video Generation* (ECCV 2022), trained from nothing by the commands below.",
            "",
            "| file | size |",
            "|---|---|",
            *sizes,
            "",
            "## Data",
            "",
            "Pictures and sounds of the procedural world (`sgvg_core/world`): nine scenes, in which one hidden envelope drives picture and sound.",
            "The generator is a StyleGAN2 supervised by the renderer: its code says which picture it stands for. Sound encoder and walker were",
            f"warmed up by the world's own answers (the latent that belongs to a sound's scene and strength); {_stage_words(after)}",
            "The judge was trained on rendered pictures only and is in no loss.",
            "",
            "## Commands",
            "",
            "Each can be killed and goes on; DIR is any folder.",
            "",
            *_commands(work),
            "",
            *_losses(work),
            *_recordings(work),
            "## How well it works",
            "",
            f"{_TABLE} `python -m sgvg_core evaluate --model FOLDER`, one row after the warm-up, after L_enc, after D_V + D_I -->",
            "",
            "## Licence",
            "",
            "Apache-2.0, as the pack.",
            "",
        ]
    )


def _stage_words(after: str) -> str:
    return {
        "warm-up": "no further training followed.",
        "encoder-loss": "then both were trained through the frozen generator with L_enc (Eq. 3).",
        "critics": "then both were trained through the frozen generator with L_enc (Eq. 3), and then against D_V and D_I (Eq. 7 to 9).",
    }[after]


def _commands(work: Path) -> list[str]:
    """The commands that were run, each once, in their order."""
    path = work / HISTORY
    seen: dict[str, None] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        entry = json.loads(line)
        options = "".join(f" --{name} {value}" for name, value in entry.items() if name not in ("stage", "recordings") and value is not None)
        recordings = " --recordings RECORDINGS" if entry.get("recordings") else ""
        seen[f"    python -m sgvg_core train {entry['stage']} --work DIR{recordings}{options}"] = None
    return list(seen) or ["    python -m sgvg_core train all --work DIR"]


def _losses(work: Path) -> list[str]:
    """The last line of the log of each phase of the paper's losses: the terms and their shares of the gradient."""
    lines = []
    for name in PHASES:
        path = work / name / f"{name}.jsonl"
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        entries = [entry for entry in entries if any(key.startswith("share_") for key in entry)]
        if entries:
            shares = {key[6:]: value for key, value in entries[-1].items() if key.startswith("share_")}
            lines += [f"| {name} | {term} | {entries[-1].get(term, float('nan')):.4g} | {share:.0%} |" for term, share in shares.items()]
    return ["## Losses at the end", "", "| phase | term | value | share of the gradient |", "|---|---|---|---|", *lines, ""] if lines else []


def _recordings(work: Path) -> list[str]:
    """The credits of the recordings that were learned from."""
    path = work / CREDITS
    if not path.exists():
        return []
    used = json.loads(path.read_text(encoding="utf-8"))
    words = f"Beside synthesised sounds, {len(used['rows'])} real recordings were learned from (they aren't part of this model or the pack):"
    return ["## Recordings", "", words, "", *used["header"], *used["rows"].values(), ""]
