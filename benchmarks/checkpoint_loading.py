"""Loading files of a 1024 px StyleGAN2: our reader and the usual loaders, in time and memory, on the same files in one run.

    python benchmarks/checkpoint_loading.py [--folder FOLDER] [--repeats 5] [--resolution 1024]

Files of random numbers are written to FOLDER and deleted again: a snapshot as NVIDIA's training pickles it (G, D, G_ema), a converted
checkpoint in both of torch's formats, and ours in float32 and float16. Three loads of each are timed:

- usual: torch.load(weights_only=True); safetensors' load_file for ours, its tensors copied out of the mapped file. NVIDIA's pickle can't be
  asked of torch.load: pickle.load is timed, with a stand-in for NVIDIA's one global, and it calls torch.load for each tensor inside.
- reading: the same tensors, of the same types, by ours (`read_plain`, `read_stored`).
- network: `load_generator`, a network that is ready to run, in float32 whatever the file's type.

Each load runs in a process of its own that has read a small file before, on files that the system holds in its cache; times are the
fastest of the repeats, which take turns, on the clock and of the processor. Memory is the growth of the process's resident size over the
load, at its peak (Linux), compared with the file's size.
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
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

NVIDIA, ZIP, LEGACY, OWN, HALF = "NVIDIA snapshot", "converted .pt", "converted, old", "ours", "ours, float16"
LOADS = ("usual", "reading", "network")


def write(folder: Path, size: int, ending: str) -> dict[str, Path]:
    """The files, all of the same generator."""
    from foreign_networks import converted_shapes, persistent, synthesis_attributes, write_pickle

    from sgvg_core.assembly import build_discriminator, build_generator, save_generator
    from sgvg_core.config import DiscriminatorConfig, GeneratorConfig

    torch.manual_seed(1)
    widths = tuple(min(32768 >> power, 512) for power in range(2, size.bit_length()))
    config = GeneratorConfig(size, widths, mapping_layers=8, conv_clamp=256.0)
    generator, critic = build_generator(config), build_discriminator(DiscriminatorConfig(size, widths))
    paths = {name: folder / f"{name.replace(' ', '_')}{ending}" for name in (NVIDIA, ZIP, LEGACY, OWN, HALF)}
    made = {name: network.state_dict() for name, network in (("G", generator), ("D", critic), ("G_ema", generator))}
    networks = {name: persistent(state, synthesis_attributes(state, 256.0, 0.01), name[0]) for name, state in made.items()}
    write_pickle(paths[NVIDIA], networks | {"training_set_kwargs": {}})
    state = {name: torch.randn(shape) for name, shape in converted_shapes(widths, 512, 8).items() if "kernel" not in name}
    torch.save({"g_ema": state, "latent_avg": torch.zeros(512)}, paths[ZIP])
    torch.save({"g_ema": state, "latent_avg": torch.zeros(512)}, paths[LEGACY], _use_new_zipfile_serialization=False)
    for name in (OWN, HALF):
        paths[name] = paths[name].with_suffix(f"{ending}.safetensors")
        save_generator(paths[name], generator, config, half=name == HALF)
    return paths


def usual(path: Path) -> Any:
    """What people load such a file with."""
    if path.suffix == ".safetensors":
        import safetensors.torch

        return {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}  # it maps; a network takes copies
    if path.name.startswith("NVIDIA"):
        _stand_in()
        with path.open("rb") as file:
            return pickle.load(file)  # noqa: S301 (the file was written above)
    return torch.load(path, map_location="cpu", weights_only=True)


def _stand_in() -> None:
    """The module that NVIDIA's pickles name; its function gives the state back and executes nothing."""

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
        return meta["state"]

    module = types.ModuleType("torch_utils.persistence")
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    sys.modules["torch_utils"], sys.modules["torch_utils.persistence"] = types.ModuleType("torch_utils"), module


def reading(path: Path) -> Any:
    """The tensors alone, by ours."""
    from sgvg_core.checkpoints.plain import read_plain
    from sgvg_core.checkpoints.stored import read_stored

    return read_stored(path).state if path.suffix == ".safetensors" else read_plain(path).data


def network(path: Path) -> Any:
    """A network that is ready to run."""
    from sgvg_core.assembly import load_generator

    return load_generator(path)


def resident() -> int:
    """Resident bytes of this process (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measure(kind: str, path: Path, small: Path) -> dict[str, float]:
    """Seconds (of the wall and of the processor) and bytes of one load, the first big one of this process."""
    torch.set_num_threads(1)
    load = {"usual": usual, "reading": reading, "network": network}[kind]
    load(small)  # brings in all code
    gc.collect()
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident())

    before = resident()
    watcher = threading.Thread(target=watch)
    watcher.start()
    begin, begin_cpu = time.perf_counter(), time.process_time()
    kept = load(path)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    peak[0] = max(peak[0], resident())
    done.set()
    watcher.join()
    del kept
    return {"seconds": seconds, "cpu": cpu, "bytes": peak[0] - before}


def main() -> None:
    """Write the files, measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--resolution", type=int, default=1024)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(measure(options.child[0], Path(options.child[1]), Path(options.child[2]))))
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        small, paths = write(Path(name), 8, ".small"), write(Path(name), options.resolution, ".bin")
        gc.collect()
        print(f"{options.resolution} px, torch {torch.__version__}, one thread, best of {options.repeats}")
        titles = f"{'seconds of the processor: usual, reading, network':<52} {'ratio to usual: processor (clock)':<36} memory / size"
        print(f"{'file':<16} {'size':>7}   {titles}")
        for kind, path in paths.items():
            found: dict[str, list[dict[str, float]]] = {load: [] for load in LOADS}
            path.read_bytes()  # into the system's cache: the disk isn't measured
            for _ in range(options.repeats):
                for load, runs in found.items():
                    command = [sys.executable, __file__, "--child", load, str(path), str(small[kind])]
                    runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
            size = path.stat().st_size
            seconds, cpu = ({load: min(run[name] for run in runs) for load, runs in found.items()} for name in ("seconds", "cpu"))
            memory = ", ".join(f"{max(run['bytes'] for run in runs) / size:.2f}" for runs in found.values())
            shown = ", ".join(f"{cpu[load]:.3f}" for load in LOADS)
            ratios = ", ".join(f"{cpu[load] / cpu['usual']:.2f} ({seconds[load] / seconds['usual']:.2f})" for load in LOADS[1:])
            print(f"{kind:<16} {size / 1e6:5.0f}MB   {shown:<52} {ratios:<36} {memory}", flush=True)


if __name__ == "__main__":
    main()
