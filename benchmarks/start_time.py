"""Seconds from an empty Python to the first picture, and to every further one, each the smallest of several new processes.

    python benchmarks/start_time.py [--rounds 3] [--threads N]
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path


def measure(threads: int) -> dict[str, float]:
    """The steps of one start, in this process, with torch's number of threads (0: its own choice)."""
    marks = {"begin": time.perf_counter()}
    sys.path.insert(0, str(Path(__file__).parents[1]))
    import sgvg_core

    marks["import sgvg_core"] = time.perf_counter()
    import torch

    from sgvg_core.generation.seeded_start import random_start

    if threads:
        torch.set_num_threads(threads)
    marks["torch and the first names"] = time.perf_counter()
    model = sgvg_core.load_model(device="cpu")
    marks["the bundled model, open_clip among it"] = time.perf_counter()
    ws = random_start(model.generator, 0)
    with torch.no_grad():
        model.generator.synthesis(ws)
        marks["the first picture"] = time.perf_counter()
        for _ in range(10):
            model.generator.synthesis(ws)
    further = (time.perf_counter() - marks["the first picture"]) / 10
    names = list(marks)
    steps = {name: marks[name] - marks[before] for before, name in itertools.pairwise(names)}
    return {**steps, "all of that": sum(steps.values()), "a further picture": further}


def main() -> None:
    """Start anew, several times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        print(json.dumps(measure(args.threads)))
        return
    command = [sys.executable, __file__, "--inside", "--threads", str(args.threads)]
    rounds = [json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]) for _ in range(args.rounds)]
    for name in rounds[0]:
        print(f"{name:40s} {min(found[name] for found in rounds):6.3f} s")


if __name__ == "__main__":
    main()
