"""From nothing to films and a table in another domain: every command of the pack's own way, one after another.

    python walkthroughs/second_domain.py OUT [--minutes 45] [--threads 1] [--only-print]

Draws instrument players (`instrument_players.py`), prepares them, trains a StyleGAN2, a joint space, E_a and the walker on them, makes
films of sounds that nothing was trained on, and measures. Each command is printed before it runs, so it can be run alone too. Stop it at
any time and call it again: what is finished is kept, training resumes to the same bits. `--minutes` says how long the three trainings
take on one quiet core; it's turned into numbers of steps, so the result doesn't hang on how fast the machine is.

At the end it looks at the films with eyes of its own (OUT/films.json, OUT/sheet.png), for those of the tables are the model's joint space,
which is also in the losses.
"""

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
INSTRUMENTS = ("violin", "drums", "piano", "trumpet", "flute")
FPS = 12
FILMS_EACH, FILM_SECONDS = 3, 8
"""Films of each instrument that are made of new sounds."""

STEPS_A_MINUTE = {"generator": 320, "joint-space": 20, "sgvg": 8}
"""Steps of each training for one of `--minutes`."""
SETTINGS = {
    "generator": ("size=32", "channel_base=768", "channel_max=48", "z_dim=64", "w_dim=64", "mapping_lr_multiplier=0.1", "r1_gamma=1",
                  "path_weight=0", "style_mixing_prob=0", "noise=false", "augment.kinds=[]", "ema_images=2000"),
    "joint-space": ("mirror=false", "test_every=100"),
    "sgvg": ("warm_start.search.num_codes=256", "warm_start.search.num_steps=60", "warm_start.num_steps=300", "walker_lr=1e-5"),
}  # fmt: skip
"""What differs from the preset `tiny`; docs/second_domain.md has the reasons."""


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
    clips, data, work, model, unheard = (out / name for name in ("clips", "data", "work", "model", "unheard"))
    players = ("walkthroughs/instrument_players.py",)
    steps = {stage: max(1, round(minutes * number)) for stage, number in STEPS_A_MINUTE.items()}
    parts = ("--generator", work / "generator.safetensors", "--joint-space", work / "joint_space.safetensors")

    def train(stage: str, *words: "str | Path") -> Command:
        common = ("--data", data, "--work", work, "--preset", "tiny", "--steps", steps[stage], "--threads", threads)
        return pack("train", stage, *common, *words, *settings(SETTINGS[stage]))

    return [
        Command((*players, str(clips))),
        pack("data", "prepare", clips, "-o", data, "--size", 64, "--fps", FPS, "--sample-rate", 22050, "--seconds", 4, "--test-share", 0.2),
        pack("data", "inspect", data, "-o", out / "data.png"),
        train("generator"),
        train("joint-space"),
        train("sgvg", *parts),
        pack("train", "export", "--work", work, "-o", model),
        Command((*players, str(unheard), "--each", str(FILMS_EACH), "--seconds", str(FILM_SECONDS), "--seed", "2")),
        *(pack("generate", drawn, "-o", film, "--model", model, "--fps", FPS) for drawn, film in films(out)),
        *(pack("evaluate", "--table", name, "--data", data, "--model", model, "--keep", out / "seen", prints_to=out / f"table{name}.md")
          for name in ("2", "3a")),
        pack("train", "export", "--work", work, "-o", model, "--table", out / "table3a.md"),
    ]


def films(out: Path) -> Iterator[tuple[Path, Path]]:
    """Each new clip, and the film that is made of its sound alone."""
    for name in INSTRUMENTS:
        for index in range(FILMS_EACH):
            yield out / "unheard" / name / f"{name}_{index:03d}.mp4", out / "films" / f"{name}_{index:03d}.mp4"


# ---- eyes of its own -----------------------------------------------------------------------------------------------------------------


def frames_of(path: Path, size: int) -> np.ndarray:
    """The frames of a video, made smaller to size x size, [T, size, size, 3] in 0..1."""
    from sgvg_core.media import read_video_frames

    frames = torch.stack(list(islice(read_video_frames(path), FPS * FILM_SECONDS))).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.interpolate(frames, size=(size, size), mode="area").permute(0, 2, 3, 1).numpy()


def as_drawings(frames: np.ndarray) -> np.ndarray:
    """Frames as rows without their light: less their mean, of length 1, [T, N]."""
    rows = frames.reshape(len(frames), -1)
    rows = rows - rows.mean(1, keepdims=True)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)


def shows(frames: np.ndarray, drawn: dict[str, np.ndarray]) -> dict[str, float]:
    """For each instrument the share of frames whose nearest drawn frame is of it, the light left aside."""
    nearest = np.stack([(as_drawings(frames) @ as_drawings(known).T).max(1) for known in drawn.values()])
    return {name: float((nearest.argmax(0) == index).mean()) for index, name in enumerate(drawn)}


def light_follows(frames: np.ndarray, drawn: np.ndarray) -> float:
    """Correlation of the mean brightness of a film with that of the clip which was drawn by the same sound's loudness."""
    num = min(len(frames), len(drawn))
    one, other = frames[:num].mean((1, 2, 3)), drawn[:num].mean((1, 2, 3))
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 1e-6 and other.std() > 1e-6 else 0.0


def look_at_films(out: Path, size: int = 32) -> dict[str, object]:
    """What all films show, kept in OUT/films.json: how many show the sound's instrument in most frames, and how the light follows."""
    clips = {drawn: frames_of(drawn, size) for drawn, _ in films(out)}
    drawn = {name: np.concatenate([frames for path, frames in clips.items() if path.parent.name == name]) for name in INSTRUMENTS}
    rows = []
    for path, film in films(out):
        seen = frames_of(film, size)
        share = shows(seen, drawn)
        rows.append({"film": film.name, "shows": max(share, key=lambda name: share[name]), "share": share[path.parent.name],
                     "light": light_follows(seen, clips[path])})  # fmt: skip
    right = sum(row["film"].startswith(row["shows"]) for row in rows)  # type: ignore[attr-defined]
    light = float(np.median([row["light"] for row in rows]))  # type: ignore[type-var]
    found: dict[str, object] = {"films": len(rows), "right_instrument": right, "median_light_correlation": round(light, 3), "rows": rows}
    (out / "films.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def write_sheet(out: Path, columns: int = 10) -> Path:
    """A PNG: each instrument's drawn clip, and below it the film that was made of its sound alone, at the same moments."""
    from sgvg_core.media import contact_sheet, save_png

    moments = [round(FPS * (0.5 + (FILM_SECONDS - 1) * column / columns)) for column in range(columns)]
    rows = [frames_of(path, 64)[moments] for pair in list(films(out))[::FILMS_EACH] for path in pair]
    return save_png(out / "sheet.png", contact_sheet(torch.from_numpy(np.concatenate(rows) * 255).round().to(torch.uint8), columns))


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
    (out / "films").mkdir(parents=True, exist_ok=True)
    for number, command in enumerate(commands, 1):
        print(f"\n[{number} of {len(commands)}] {command}", flush=True)
        command.run()
    sys.path.insert(0, str(ROOT))
    found = look_at_films(out)
    print(f"\n{found['right_instrument']} of {found['films']} films of new sounds show the sound's instrument; their light follows the loudness "
          f"with a correlation of {found['median_light_correlation']} (median)\n{write_sheet(out)}")


if __name__ == "__main__":
    main()
