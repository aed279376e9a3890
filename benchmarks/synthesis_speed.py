"""Seconds a picture of our synthesis networks and of NVIDIA's own, on the CPU, in one run.

    python benchmarks/synthesis_speed.py --stylegan3 FOLDER [--sizes 128 256 512] [--rounds 7] [--minutes 3] [--batch 1] [--threads N]
        [--architecture skip|resnet|orig|stylegan3-t|stylegan3-r]

FOLDER is a checkout of https://github.com/NVlabs/stylegan3 (also taken from STYLEGAN3_DIR). Both networks hold the same random
weights and take turns, after one pair that isn't counted and tells their largest difference; the smallest of their times counts, so
that other work on the machine weighs little. Next to it is the processor's time, which other work doesn't lengthen. After --minutes a
size no new pair begins. Without a checkout only our own times are printed.
"""

import argparse
import functools
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parents[1]
PLANS = {64: (4096, 256), 128: (4096, 256), 256: (16384, 512), 512: (32768, 512), 1024: (32768, 512)}
"""Channel base and maximum a size: the bundled plan at 128 px, NVIDIA's own from 256 px. StyleGAN3-R has twice of both."""
ARCHITECTURES = ("skip", "resnet", "orig", "stylegan3-t", "stylegan3-r")


def load_core() -> None:
    """`sgvg_core`, without putting the pack's root on the search path."""
    folder = ROOT / "sgvg_core"
    spec = importlib.util.spec_from_file_location("sgvg_core", folder / "__init__.py", submodule_search_locations=[str(folder)])
    module = importlib.util.module_from_spec(spec)
    sys.modules["sgvg_core"] = module
    spec.loader.exec_module(module)


def _seconds(call: Callable[[], Any]) -> tuple[float, float]:
    """On the clock, and of the processor."""
    began, began_cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - began, time.process_time() - began_cpu


def _stylegan2(size: int, architecture: str, theirs_from: str | None) -> tuple[Any, Any]:
    from sgvg_core.synthesis import StyleGAN2Generator

    base, widest = PLANS[size]
    ours = StyleGAN2Generator(size, [min(base >> power, widest) for power in range(2, size.bit_length())], architecture=architecture).eval()
    for conv in ours.synthesis.convs:
        torch.nn.init.constant_(conv.noise_strength, 0.1)
    if theirs_from is None:
        return ours, None
    from training.networks_stylegan2 import Generator

    return ours, Generator(512, 0, 512, size, 3, channel_base=base, channel_max=widest, architecture=architecture).eval()


def _stylegan3(size: int, architecture: str, theirs_from: str | None) -> tuple[Any, Any]:
    from sgvg_core.config.stylegan3_schedule import layer_widths, sampling_bands
    from sgvg_core.synthesis import StyleGAN3Generator

    radial = architecture == "stylegan3-r"
    base, widest = (2 * each if radial else each for each in PLANS[size])
    settings = {"conv_kernel": 1, "use_radial_filters": True} if radial else {}
    ours = StyleGAN3Generator(size, layer_widths(sampling_bands(size, 14), base, widest), **settings).eval()
    if theirs_from is None:
        return ours, None
    from training.networks_stylegan3 import Generator

    return ours, Generator(512, 0, 512, size, 3, mapping_kwargs={"num_layers": 2}, channel_base=base, channel_max=widest, **settings).eval()


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stylegan3", default=os.environ.get("STYLEGAN3_DIR"), help="checkout of NVIDIA's stylegan3")
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256, 512])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=3.0, help="at most so long a size, but one pair at least")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--architecture", choices=ARCHITECTURES, default="skip")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    load_core()
    if options.stylegan3:
        sys.path.insert(0, options.stylegan3)
    print(f"torch {torch.__version__}, {options.threads} threads, batch {options.batch}, float32, {options.architecture}")
    build = _stylegan3 if options.architecture.startswith("stylegan3") else _stylegan2
    for size in options.sizes:
        torch.manual_seed(0)
        ours, theirs = build(size, options.architecture, options.stylegan3)
        ws = torch.randn(options.batch, ours.num_ws, 512)
        calls = {"ours": functools.partial(ours.synthesis, ws)}
        if theirs is not None:
            theirs.load_state_dict(ours.state_dict(), strict=False)
            calls["theirs"] = functools.partial(theirs.synthesis, ws, noise_mode="const")
        best = dict.fromkeys(calls, (float("inf"), float("inf")))
        began, rounds = time.perf_counter(), 0
        with torch.no_grad():
            images = [call() for call in calls.values()]
            error = ((images[0] - images[-1]).abs().max() / (images[0].max() - images[0].min())).item()
            while rounds < options.rounds and (not rounds or time.perf_counter() - began < 60 * options.minutes):
                rounds += 1
                for name, call in calls.items():
                    best[name] = tuple(min(old, new / options.batch) for old, new in zip(best[name], _seconds(call), strict=True))
        line = f"{size:5} px, best of {rounds}: ours {best['ours'][0]:.4f} s a picture ({best['ours'][1]:.4f} of the processor)"
        if "theirs" in best:
            ratios = [mine / other for mine, other in zip(best["ours"], best["theirs"], strict=True)]
            line += f", theirs {best['theirs'][0]:.4f} s ({best['theirs'][1]:.4f}), ours / theirs {ratios[0]:.2f} ({ratios[1]:.2f})"
            line += f"; largest difference {error:.1e} of the range"
        print(line, flush=True)


if __name__ == "__main__":
    main()
