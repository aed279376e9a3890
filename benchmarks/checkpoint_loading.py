"""Loading a file of weights: our reader beside torch's own, in time and memory, on the same files in one run.

    python benchmarks/checkpoint_loading.py [--megabytes 400] [--folder FOLDER] [--repeats 5]

Three files of random numbers are written to FOLDER and deleted again: a torch zip, a torch file of the format before it, and a plain
pickle of the layout that NVIDIA's training writes. Torch's own loader can't be asked to read the last: pickle.load is timed, with a
stand-in for NVIDIA's one global, and it calls torch.load for each tensor inside. Each load runs in a process of its own that has read a
small file before, on files that the system holds in its cache; times are the fastest of the repeats, which take turns. Memory is the
growth of the process's resident size over the load, at its peak, beside the file's size.
"""

import argparse
import gc
import json
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import types
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
SHAPES = [(512, 512, 3, 3), (512, 512), (512,), (256, 512, 3, 3), (1, 1, 4, 4), (64, 64, 1, 1)]


class _Persistent:
    """Pickles as NVIDIA's networks do: one call of their global with the state."""

    def __init__(self, meta: dict[str, Any]) -> None:
        self.meta = meta

    def __reduce__(self) -> tuple[Any, ...]:
        return _stand_in()._reconstruct_persistent_obj, (self.meta,)


def _stand_in() -> Any:
    """The module that NVIDIA's pickles name; its function gives the state back and executes nothing."""
    if "torch_utils.persistence" not in sys.modules:

        def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
            return meta["state"]

        module = types.ModuleType("torch_utils.persistence")
        _reconstruct_persistent_obj.__module__ = module.__name__
        _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
        module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
        sys.modules["torch_utils"], sys.modules["torch_utils.persistence"] = types.ModuleType("torch_utils"), module
    return sys.modules["torch_utils.persistence"]


def write(folder: Path, num_bytes: float, ending: str) -> dict[str, Path]:
    """The files, all of the same tensors."""
    numbers, state, written = torch.Generator().manual_seed(1), {}, 0
    while written < num_bytes:
        tensor = torch.randn(SHAPES[len(state) % len(SHAPES)], generator=numbers)
        state[f"layer{len(state)}.weight"] = tensor
        written += tensor.numel() * 4
    paths = {name: folder / f"{name}{ending}" for name in ("torch zip", "torch legacy", "NVIDIA pickle")}
    torch.save({"g_ema": state}, paths["torch zip"])
    torch.save({"g_ema": state}, paths["torch legacy"], _use_new_zipfile_serialization=False)
    modules = {
        name.split(".")[0]: _Persistent(
            {
                "type": "class",
                "version": 6,
                "module_src": "raise SystemExit\n" * 3000,
                "class_name": "Layer",
                "state": {"_parameters": {"weight": torch.nn.Parameter(tensor)}, "_buffers": {}, "_modules": {}},
            }
        )
        for name, tensor in state.items()
    }
    meta = {"type": "class", "version": 6, "module_src": "", "class_name": "G", "state": {"_parameters": {}, "_buffers": {}, "_modules": modules}}
    with paths["NVIDIA pickle"].open("wb") as file:
        pickle.dump({"G_ema": _Persistent(meta)}, file)
    return paths


def load(reader: str, path: str) -> Any:
    """One load."""
    if reader == "ours":
        from sgvg_core.checkpoints.plain import read_plain

        return read_plain(path).data
    if "NVIDIA" in path:
        _stand_in()
        with open(path, "rb") as file:
            return pickle.load(file)  # noqa: S301 (the file was written above)
    return torch.load(path, map_location="cpu", weights_only=True)


def resident() -> int:
    """Resident bytes of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(reader: str, path: str) -> dict[str, float]:
    """Seconds (of the wall and of the processor) and bytes of one load, the first big one of this process."""
    load(reader, str(Path(path).with_suffix(".small")))  # brings in all code
    gc.collect()
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident())

    before = resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    kept = load(reader, path)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    peak[0] = max(peak[0], resident())
    done.set()
    watcher.join()
    del kept
    return {"seconds": seconds, "cpu": cpu, "bytes": peak[0] - before}


def main() -> None:
    """Write the files, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    if options.child:
        print(json.dumps(measure(*options.child)))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        write(Path(name), 1, ".small")
        paths = write(Path(name), options.megabytes * 1e6, ".bin")
        gc.collect()
        print(f"{'file':<14} {'size':>7}   {'torch':>8} {'ours':>8} {'ratio':>6}   {'ratio of processor time':>23}   memory / size: torch, ours")
        for kind, path in paths.items():
            found: dict[str, list[dict[str, float]]] = {"torch": [], "ours": []}
            path.read_bytes()  # into the system's cache: the disk isn't measured
            for _ in range(options.repeats):
                for reader in found:
                    command = [sys.executable, __file__, "--child", reader, str(path)]
                    found[reader].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            size = path.stat().st_size
            seconds, cpu = ({reader: min(run[name] for run in runs) for reader, runs in found.items()} for name in ("seconds", "cpu"))
            memory = {reader: max(run["bytes"] for run in runs) / size for reader, runs in found.items()}
            print(
                f"{kind:<14} {size / 1e6:5.0f}MB   {seconds['torch']:7.3f}s {seconds['ours']:7.3f}s {seconds['ours'] / seconds['torch']:6.2f}"
                f"   {cpu['ours'] / cpu['torch']:23.2f}   {memory['torch']:.2f}, {memory['ours']:.2f}"
            )


if __name__ == "__main__":
    main()
