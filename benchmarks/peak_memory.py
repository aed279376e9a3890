"""What the benchmarks of memory share: a process a length, its peak, and the growth from the shortest to the longest."""

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from typing import Any


def peak_mb() -> float:
    """The peak resident memory of this process so far, in units of 2^20 bytes. (macOS counts bytes, Linux 2^10.)"""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10), 1)


def compare_lengths(script: str, said: str | None, one: Callable[[int, str], dict[str, Any]], *, seconds: list[int], fps: str) -> None:
    """The command line of a benchmark: runs `one(seconds, fps)` in a process of its own for each length and prints its figures and the growth.

    `script` is the benchmark's own file, `said` its help; `one` gives figures with "peak_mb" among them; `seconds` and `fps` are the defaults.
    """
    parser = argparse.ArgumentParser(description=said, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, nargs="+", default=seconds)
    parser.add_argument("--fps", default=fps, help=f"few frames a second, so that long sounds take minutes (default: {fps})")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps({"seconds": args.one, **one(args.one, args.fps)}))
        return
    rows = []
    for length in args.seconds:
        command = [sys.executable, script, "--one", str(length), "--fps", args.fps]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]))
        print(rows[-1], flush=True)
    print(f"growth from {rows[0]['seconds']} to {rows[-1]['seconds']} s: {rows[-1]['peak_mb'] - rows[0]['peak_mb']:+.1f} MB")
