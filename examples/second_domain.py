"""From nothing to films and a table in another domain: every command of the pack's own way, one after another.

    python examples/second_domain.py OUT [--minutes 45] [--threads 1] [--only-print]

Draws instrument players (`instrument_players.py`), prepares them, trains a StyleGAN2, a joint space, E_a and the walker on them, makes
films of sounds that nobody has heard, and measures. Each command is printed before it runs, so it can be run alone too. Stop it at any
time and call it again: what is finished is kept, training goes on with the same bits. `--minutes` says how long the three trainings
take on one quiet core; it's turned into numbers of steps, so the result doesn't hang on how fast the machine is.
"""

import argparse
import dataclasses
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
INSTRUMENTS = ("violin", "drums", "piano", "trumpet", "flute")
FPS = 12

STEPS_A_MINUTE = {"generator": 200, "joint-space": 20, "sgvg": 10}
"""Steps of each training for one of `--minutes`."""
GENERATOR = ("size=64", "channel_base=1024", "channel_max=64", "z_dim=64", "w_dim=64", "path_weight=0", "style_mixing=0", "augment.kinds=[]",
             "ema_pictures=2000")  # fmt: skip
"""Over the preset `tiny`: 64 px, wider; without what costs time and serves large data. Codes aren't mixed: a player's colours and shape
belong together."""


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of Python, and the file that what it prints is kept in."""

    words: tuple[str, ...]
    prints_to: Path | None = None

    def __str__(self) -> str:
        end = "" if self.prints_to is None else f" > {self.prints_to}"
        return "python " + " ".join(self.words) + end

    def run(self) -> None:
        """Run it in the folder of the pack. What it prints appears whole or not at all. Raises SystemExit with its code if it fails."""
        done = subprocess.run([sys.executable, *self.words], cwd=ROOT, stdout=None if self.prints_to is None else subprocess.PIPE, text=True)
        if done.returncode:
            raise SystemExit(done.returncode)
        if self.prints_to is not None:
            part = self.prints_to.with_suffix(".part")
            part.write_text(done.stdout, encoding="utf-8")
            part.replace(self.prints_to)
            print(done.stdout, flush=True)


def pack(*words: "str | Path | int", prints_to: Path | None = None) -> Command:
    """A command of the pack."""
    return Command(("-m", "sgvg_core", *map(str, words)), prints_to)


def settings(changes: tuple[str, ...]) -> Iterator[str]:
    """Changes of settings as options."""
    for change in changes:
        yield from ("--set", change)


def chain(out: Path, minutes: float, threads: int) -> list[Command]:
    """All commands in their order."""
    clips, data, work, model, unheard, table = (out / name for name in ("clips", "data", "work", "model", "unheard", "table.md"))
    players = ("examples/instrument_players.py",)
    steps = {stage: max(1, round(minutes * number)) for stage, number in STEPS_A_MINUTE.items()}
    parts = ("--generator", work / "generator.safetensors", "--joint-space", work / "joint_space.safetensors")

    def train(stage: str, *words: "str | Path", changes: tuple[str, ...] = ()) -> Command:
        common = ("--data", data, "--work", work, "--preset", "tiny", "--steps", steps[stage], "--threads", threads)
        return pack("train", stage, *common, *words, *settings(changes))

    return [
        Command((*players, str(clips))),
        pack("data", "prepare", clips, "-o", data, "--size", 64, "--fps", FPS, "--sample-rate", 22050, "--seconds", 4, "--test-share", 0.2),
        pack("data", "inspect", data, "-o", out / "data.png"),
        train("generator", changes=GENERATOR),
        train("joint-space", changes=("mirror=false",)),
        train("sgvg", *parts),
        pack("train", "export", "--work", work, "-o", model),
        Command((*players, str(unheard), "--each", "1", "--seconds", "8", "--seed", "2")),
        *(pack("generate", unheard / name / f"{name}_000.mp4", "-o", out / f"{name}.mp4", "--model", model, "--fps", FPS) for name in INSTRUMENTS),
        pack("evaluate", "--table", "all", "--data", data, "--model", model, "--keep", out / "seen", prints_to=table),
        pack("train", "export", "--work", work, "-o", model, "--table", table),
    ]


def frames_of(path: Path, moments: list[int]) -> torch.Tensor:
    """Some frames of a video, uint8 [n, H, W, 3]."""
    from sgvg_core.media import read_video_frames

    frames = list(islice(read_video_frames(path), max(moments) + 1))
    return torch.stack([frames[moment] for moment in moments])


def write_sheet(out: Path, columns: int = 10) -> Path:
    """A PNG: each instrument's drawn clip, and below it the film that was made of its sound alone, at the same moments."""
    from sgvg_core.media import contact_sheet, save_png

    moments = [round(FPS * (0.5 + 7 * column / columns)) for column in range(columns)]
    rows = [frames_of(path, moments) for name in INSTRUMENTS for path in (out / "unheard" / name / f"{name}_000.mp4", out / f"{name}.mp4")]
    return save_png(out / "sheet.png", contact_sheet(torch.cat(rows), columns))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=45.0, help="of the three trainings together, on one quiet core (default: 45)")
    parser.add_argument("--threads", type=int, default=1, help="of the trainings (default: 1)")
    parser.add_argument("--only-print", action="store_true", help="only print the commands")
    options = parser.parse_args()
    out = options.out.resolve()
    commands = chain(out, options.minutes, options.threads)
    if options.only_print:
        print("\n".join(map(str, commands)))
        return
    out.mkdir(parents=True, exist_ok=True)
    for number, command in enumerate(commands, 1):
        print(f"\n[{number} of {len(commands)}] {command}", flush=True)
        command.run()
    sys.path.insert(0, str(ROOT))
    print(f"\n{write_sheet(out)}")


if __name__ == "__main__":
    main()
