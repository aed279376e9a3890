"""Seconds a picture of our synthesis network beside NVIDIA's own, on the CPU, in one run.

    python benchmarks/synthesis_speed.py --stylegan3 FOLDER [--sizes 128 256 512] [--rounds 7] [--batch 1] [--threads N]

FOLDER is a checkout of https://github.com/NVlabs/stylegan3 (also taken from STYLEGAN3_DIR). Both networks hold the same random
weights and take turns; the smallest of their times counts, so that other work on the machine weighs little. Without a checkout only
our own times are printed.
"""

import argparse
import functools
import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
PLANS = {64: (4096, 256), 128: (4096, 256), 256: (16384, 512), 512: (32768, 512), 1024: (32768, 512)}
"""Channel base and maximum a size: the bundled plan at 128 px, NVIDIA's own from 256 px."""


def _core() -> Any:
    """`sgvg_core`, without putting the pack's root on the search path."""
    folder = ROOT / "sgvg_core"
    spec = importlib.util.spec_from_file_location("sgvg_core", folder / "__init__.py", submodule_search_locations=[str(folder)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["sgvg_core"] = module
    spec.loader.exec_module(module)
    return importlib.import_module("sgvg_core.synthesis")


def _seconds(call: Any) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stylegan3", default=os.environ.get("STYLEGAN3_DIR"), help="checkout of NVIDIA's stylegan3")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--architecture", choices=["skip", "resnet", "orig"], default="skip")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    synthesis = _core()
    theirs_class = None
    if options.stylegan3:
        sys.path.insert(0, options.stylegan3)
        from training.networks_stylegan2 import Generator as theirs_class
    print(f"torch {torch.__version__}, {options.threads} threads, batch {options.batch}, float32, {options.architecture}, best of {options.rounds}")
    for size in options.sizes:
        base, widest = PLANS[size]
        torch.manual_seed(0)
        channels = [min(base >> power, widest) for power in range(2, size.bit_length())]
        ours = synthesis.StyleGAN2Generator(size, channels, architecture=options.architecture).eval()
        for conv in ours.synthesis.convs:
            torch.nn.init.constant_(conv.noise_strength, 0.1)
        ws = torch.randn(options.batch, ours.num_ws, 512)
        calls = {"ours": functools.partial(ours.synthesis, ws)}
        if theirs_class is not None:
            theirs = theirs_class(512, 0, 512, size, 3, channel_base=base, channel_max=widest, architecture=options.architecture).eval()
            theirs.load_state_dict(ours.state_dict(), strict=False)
            calls["theirs"] = functools.partial(theirs.synthesis, ws, noise_mode="const")
        best = dict.fromkeys(calls, float("inf"))
        with torch.no_grad():
            error = (calls["ours"]() - calls["theirs"]()).abs().max().item() if "theirs" in calls else None
            for _ in range(options.rounds):
                for name, call in calls.items():
                    best[name] = min(best[name], _seconds(call) / options.batch)
        line = f"{size:5} px: ours {best['ours']:.4f} s a picture"
        if "theirs" in best:
            line += f", theirs {best['theirs']:.4f} s, ours / theirs {best['ours'] / best['theirs']:.2f}; largest difference {error:.1e}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
