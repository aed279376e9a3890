"""Every wrapping that training programs put around a network, for every layout: the averaged generator is what is taken, and it's said."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
from foreign_networks import converted_shapes, filled

from sgvg_core.assembly import build_discriminator, build_generator, build_recognised_discriminator, build_recognised_generator
from sgvg_core.checkpoints import Recognised
from sgvg_core.checkpoints.layouts.detect import recognise
from sgvg_core.checkpoints.layouts.wrappers import MAX_NETWORKS, WRAPPERS, networks
from sgvg_core.checkpoints.plain import ForeignObject, Plain
from sgvg_core.config import DiscriminatorConfig, GeneratorConfig, StyleGAN3Config
from sgvg_core.errors import CheckpointError

State = dict[str, torch.Tensor]


def converted_critic_shapes() -> dict[str, tuple[int, ...]]:
    """A converted discriminator of 16 px and widths 8, 7, 6."""
    shapes: dict[str, tuple[int, ...]] = {"convs.0.0.weight": (6, 3, 1, 1), "convs.0.1.bias": (6,)}
    for block, (wide, narrow) in enumerate(((7, 6), (8, 7)), 1):
        shapes |= {f"convs.{block}.conv1.0.weight": (narrow, narrow, 3, 3), f"convs.{block}.conv1.1.bias": (narrow,)}
        shapes |= {f"convs.{block}.conv2.1.weight": (wide, narrow, 3, 3), f"convs.{block}.conv2.2.bias": (wide,)}
        shapes |= {f"convs.{block}.skip.1.weight": (wide, narrow, 1, 1)}
    shapes |= {"final_conv.0.weight": (8, 9, 3, 3), "final_conv.1.bias": (8,), "final_linear.0.weight": (8, 128), "final_linear.0.bias": (8,)}
    return shapes | {"final_linear.1.weight": (1, 8), "final_linear.1.bias": (1,)}


def of(network: torch.nn.Module) -> State:
    return filled({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})


def stylegan3() -> State:
    generator = build_generator(StyleGAN3Config(16, (8, 8, 8, 6, 6, 6), z_dim=5, w_dim=6))
    return of(generator) | {name: tensor for name, tensor in generator.state_dict().items() if name.endswith("magnitude_ema")}


G_CONFIG = GeneratorConfig(16, (8, 7, 6), z_dim=5, w_dim=6, mapping_layers=2)
NVIDIA_D = of(build_discriminator(DiscriminatorConfig(16, (8, 7, 6), mapping_layers=0)))
GENERATORS: dict[str, tuple[State, State, str]] = {
    "StyleGAN2": (of(build_generator(G_CONFIG)), NVIDIA_D, "synthesis.b4.const"),
    "StyleGAN3": (stylegan3(), NVIDIA_D, "synthesis.input.weight"),
    "converted": (filled(converted_shapes((8, 7, 6), 5, 2)), filled(converted_critic_shapes()), "synthesis.b4.const"),
}


def front(name: str, state: State) -> State:
    """A table with a name in front of every tensor's."""
    return {f"{name}{key}": tensor for key, tensor in state.items()}


Wrap = Callable[[State, State, State], Any]
AVERAGED: dict[str, Wrap] = {
    **{name: (lambda g, e, d, name=name: {"g": g, name: e, "d": d, "iter": 3})
       for name in ("G_ema", "g_ema", "ema", "model_ema", "params_ema", "generator_ema", "netG_ema", "ema_model", "state_dict_ema")},
    "NVIDIA's names": lambda g, e, d: {"G": g, "D": d, "G_ema": e, "training_set_kwargs": {"a": 1}},
    "Lightning": lambda g, e, d: {
        "epoch": 3, "pytorch-lightning_version": "2.1", "hyper_parameters": {"size": 16},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(2)}}}],
        "state_dict": front("G.", g) | front("G_ema.", e) | front("D.", d)},
    "Lightning, averaged first": lambda g, e, d: {"state_dict": front("g_ema.", e) | front("d.", d) | front("g.", g)},
    "Lightning, long names": lambda g, e, d: {
        "state_dict": front("model.generator.", g) | front("model.generator_ema.", e) | front("model.critic.", d)},
    "flat": lambda g, e, d: front("G.", g) | front("G_ema.", e) | front("D.", d),
    "flat, compiled and parallel": lambda g, e, d: front("G.module.", g) | front("G_ema._orig_mod.", e) | front("D._orig_mod.module.", d),
    "flat, all behind module": lambda g, e, d: front("module.G.", g) | front("module.G_ema.", e) | front("module.D.", d),
    "module in the table": lambda g, e, d: {"g": front("module.", g), "g_ema": front("module._orig_mod.", e), "d": front("_orig_mod.", d)},
    "state_dict of dictionaries": lambda g, e, d: {"state_dict": {"G": g, "G_ema": e, "D": d}},
    "dictionaries of state_dict": lambda g, e, d: {"G": {"state_dict": g}, "G_ema": {"state_dict": e}, "D": {"state_dict": d, "optimizer": {}}},
    "model and its average": lambda g, e, d: {"model": front("G.", g) | front("D.", d), "model_ema": front("G.", e)},
    "four levels": lambda g, e, d: {"checkpoint": {"model": {"state_dict": {"G": g, "G_ema": front("module.", e), "D": d}}}},
    "a list": lambda g, e, d: [g, d, e],
    "a list in a dictionary": lambda g, e, d: {"networks": [g, d, e]},
    "ordered": lambda g, e, d: OrderedDict(g=OrderedDict(g), d=OrderedDict(d), g_ema=OrderedDict(e)),
}  # fmt: skip
ALONE: dict[str, Callable[[State], Any]] = {
    **{name: (lambda state, name=name: {name: state}) for name in WRAPPERS},
    "bare": lambda state: state,
    "module.": lambda state: front("module.", state),
    "_orig_mod.": lambda state: front("_orig_mod.", state),
    "module._orig_mod.": lambda state: front("module._orig_mod.", state),
    "in front": lambda state: front("net.", state),
    "nested": lambda state: {"model": {"state_dict": front("module.", state)}, "step": 4},
    "list": lambda state: [state],
    "list of wrappers": lambda state: [{"state_dict": state}],
    "beside numbers": lambda state: {**state, "epoch": 7},
}


def found_in(data: Any) -> Recognised:
    return recognise(Plain("torch", data), "any.name")


@pytest.mark.parametrize("layout", list(GENERATORS))
@pytest.mark.parametrize("wrap", list(AVERAGED))
def test_the_averaged_generator_is_taken_and_said(layout: str, wrap: str) -> None:
    averaged, critic, mark = GENERATORS[layout]
    running = {name: tensor if name.endswith("kernel") else 2 * tensor for name, tensor in averaged.items()}
    wanted, plain = found_in(averaged), found_in(running)
    found = found_in(AVERAGED[wrap](running, averaged, critic))
    assert found.config == wanted.config
    assert torch.equal(found.state[mark], wanted.state[mark])
    assert any("was taken" in note for note in found.notes), found.notes
    kinds = sorted(part.kind for part in found.parts.values())
    assert kinds == ["discriminator", wanted.kind]
    beside = next(part for part in found.parts.values() if part.kind == wanted.kind)
    assert torch.equal(beside.state[mark], plain.state[mark])


@pytest.mark.parametrize("layout", list(GENERATORS))
@pytest.mark.parametrize("wrap", list(ALONE))
def test_a_generator_alone_is_found_in_every_wrapping(layout: str, wrap: str) -> None:
    state, _, mark = GENERATORS[layout]
    wanted, found = found_in(state), found_in(ALONE[wrap](state))
    assert (found.kind, found.config) == (wanted.kind, wanted.config)
    assert found.state.keys() == wanted.state.keys()
    assert torch.equal(found.state[mark], wanted.state[mark])


@pytest.mark.parametrize("layout", ["StyleGAN2", "converted"])
@pytest.mark.parametrize("wrap", list(ALONE))
def test_a_discriminator_alone_is_found_in_every_wrapping(layout: str, wrap: str) -> None:
    state = GENERATORS[layout][1]
    wanted, found = found_in(state), found_in(ALONE[wrap](state))
    assert (found.kind, found.config) == ("discriminator", wanted.config)
    assert torch.equal(found.state["b4.fc.weight"], wanted.state["b4.fc.weight"])


def test_what_is_found_can_be_built() -> None:
    for averaged, critic, mark in GENERATORS.values():
        found = found_in(AVERAGED["Lightning"](averaged, averaged, critic))
        assert torch.equal(build_recognised_generator(found).state_dict()[mark], found.state[mark])
        build_recognised_discriminator(next(part for part in found.parts.values() if part.kind == "discriminator"))


@pytest.mark.parametrize("wrap", [
    lambda state, mean: {"g_ema": state, "latent_avg": mean},
    lambda state, mean: {"ema": {"state_dict": state}, "latent_avg": mean},
    lambda state, mean: {"ema": {"generator": state, "latent_avg": mean}, "latent_avg": torch.zeros(5)},
    lambda state, mean: {"state_dict": front("G_ema.", state | {"latent_avg": mean})},
    lambda state, mean: state | {"latent_avg": mean},
])  # fmt: skip
def test_the_nearest_mean_latent_belongs_to_a_generator(wrap: Any) -> None:
    found = found_in(wrap(GENERATORS["converted"][0], torch.arange(5.0)))
    assert torch.equal(found.state["mapping.w_avg"], torch.arange(5.0))


def test_without_an_average_it_is_said() -> None:
    state, critic, _ = GENERATORS["converted"]
    assert "there's no averaged generator (g_ema): G was taken" in found_in({"state_dict": front("G.", state) | front("D.", critic)}).notes
    assert any("iter, odd" in note for note in found_in({"g_ema": state, "iter": 3, "odd": {"a": 1}}).notes)


def test_an_average_that_cannot_be_served_is_not_replaced_silently() -> None:
    state, critic, _ = GENERATORS["converted"]
    with pytest.raises(CheckpointError, match="wavelets"):
        found_in({"g": state, "g_ema": state | {"to_rgbs.0.iwt.ll": torch.ones(2, 2)}})
    found = found_in({"g_ema": state, "d": {name: tensor for name, tensor in critic.items() if name != "final_conv.1.bias"}})
    assert found.kind == "generator"


def test_few_networks_of_many_are_looked_at() -> None:
    """What stands in a file a thousand times is looked at a few times."""
    shared = {"synthesis.b4.const": torch.ones(1)}
    assert len(networks([[shared] * 1000] * 1000)) <= MAX_NETWORKS
    assert len(networks({f"p{index}.synthesis.b4.const": torch.ones(1) for index in range(5000)})) == MAX_NETWORKS
    deep: Any = shared
    for _ in range(20):
        deep = {"a": deep}
    assert networks(deep) == []


FORKS: dict[str, tuple[Any, str]] = {
    "StyleGAN-XL": (stylegan3() | {"mapping.embed.weight": torch.ones(1000, 8), "mapping.embed_proj.weight": torch.ones(5, 8)}, "StyleGAN-XL"),
    "StyleGAN-XL without labels": (stylegan3() | {"mapping.embed.weight": torch.ones(1000, 8)}, "StyleGAN-XL"),
    "StyleGAN-XL, a mean for each label": (stylegan3() | {"mapping.w_avg": torch.ones(1000, 6)}, "StyleGAN-XL"),
    "FastGAN": ({"init.init.0.weight_orig": torch.ones(4, 4, 4, 4), "feat_8.1.weight_orig": torch.ones(4, 4, 3, 3)}, "FastGAN"),
    "FastGAN in a file of its training": ({"g": {"module.init.init.0.weight_orig": torch.ones(4, 4, 4, 4)}, "opt_g": {}}, "FastGAN"),
    "Projected GAN": ({"G_ema": {"synthesis.init.init.0.weight_orig": torch.ones(4, 4, 4, 4)}}, "FastGAN"),
}


@pytest.mark.parametrize("name", list(FORKS))
def test_relatives_are_named_and_no_other_form_is_promised(name: str) -> None:
    data, said = FORKS[name]
    with pytest.raises(CheckpointError, match=rf"{said} generator.*no other form of its file is read") as caught:
        found_in(data)
    assert "state dict" not in str(caught.value)


def test_a_stylegan3_of_tall_images_is_named() -> None:
    """Its layers are named by their widths, half of what the schedule gives."""
    config = StyleGAN3Config(64, (8,) * 14, z_dim=5, w_dim=6)
    state, names = of(build_generator(config)), {}
    for index, (band, width) in enumerate(zip(config.bands, (*config.channels, 3), strict=True)):
        names[f"L{index}_{band.size}_{width}"] = f"L{index}_{band.size // 2}_{width}"
    found_in(state)
    with pytest.raises(CheckpointError, match="twice as high as wide"):
        found_in({".".join(names.get(part, part) for part in name.split(".")): tensor for name, tensor in state.items()})


@pytest.mark.parametrize("told", [{"_init_kwargs": {"square": False, "img_resolution": 16}}, {"size": torch.tensor([18, 36])}])
def test_a_pickled_stylegan3_of_tall_images_is_named(told: dict[str, Any]) -> None:
    network = ForeignObject("", "Generator", {"_parameters": {}, "_buffers": {}, "_modules": {}, "_init_kwargs": told.get("_init_kwargs", {})})
    for name, tensor in stylegan3().items():
        module, (*path, leaf) = network, name.split(".")
        for part in path:
            module = module.state["_modules"].setdefault(part, ForeignObject("", part, {"_parameters": {}, "_buffers": {}, "_modules": {}}))
        module.state["_parameters"][leaf] = tensor
    if "size" in told:
        network.state["_modules"]["synthesis"].state["_modules"]["input"].state["size"] = told["size"]
    with pytest.raises(CheckpointError, match="twice as high as wide"):
        found_in({"G_ema": network})
