"""Run NVIDIA's StyleGAN2 on the cases of `synthesis_cases` and write its pictures as numbers.

    python tests/parity/record_synthesis.py CHECKOUT OUT.json [--all]

CHECKOUT is a checkout of https://github.com/NVlabs/stylegan3. Without --all only the small cases are run, those that the tests keep
(tests/parity/synthesis_reference.json). Nothing of ours is imported, so that theirs alone decides.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from synthesis_cases import LIVE, RECORDED, Case, codes, given_noise, weights


def images(generator_class: Any, case: Case) -> torch.Tensor:
    """Their pictures [N, C, H, W] of a case."""
    network = generator_class(
        case.z_dim,
        case.c_dim,
        case.w_dim,
        case.resolution,
        case.img_channels,
        mapping_kwargs={"num_layers": case.mapping_layers},
        channel_base=case.base,
        channel_max=case.widest,
        architecture=case.architecture,
        conv_clamp=case.clamp,
        num_fp16_res=0,
    ).eval()
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items() if "resample_filter" not in name}
    state = weights(shapes)
    for name in state:
        if name.endswith("noise_strength"):
            state[name] = state[name] * case.noise_strength
    network.load_state_dict(state, strict=False)
    z, c = codes(case)
    ws = network.mapping(z, c, truncation_psi=case.psi, truncation_cutoff=case.cutoff)
    if case.noise != "given":
        return network.synthesis(ws, noise_mode=case.noise)
    layers = [module for name, module in network.synthesis.named_modules() if hasattr(module, "noise_const")]
    maps = given_noise(case, [layer.resolution for layer in layers])
    items = []
    for item in range(case.num_items):  # their constant noise, changed for each item
        for layer, each in zip(layers, maps, strict=True):
            layer.noise_const.copy_(each[item, 0])
        items.append(network.synthesis(ws[item : item + 1], noise_mode="const"))
    return torch.cat(items)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout")
    parser.add_argument("out", type=Path)
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    sys.path.insert(0, options.checkout)
    from training.networks_stylegan2 import Generator

    found = {}
    with torch.no_grad():
        for name, case in (LIVE if options.all else RECORDED).items():
            result = images(Generator, case)
            found[name] = {"shape": list(result.shape), "values": [float(f"{value:.7g}") for value in result.double().flatten().tolist()]}
    options.out.write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
