"""Truncation towards several centres: the clusters are found, and a latent goes to its own."""

import pytest
import torch

from sgvg_core.errors import ConfigError, ShapeError
from sgvg_core.generation import compute_centres, truncate
from sgvg_core.generation.centres import cluster, nearest_centre
from sgvg_core.synthesis import StyleGAN2Generator


def generator(c_dim: int = 0) -> StyleGAN2Generator:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return StyleGAN2Generator(8, (4, 4), z_dim=5, c_dim=c_dim, w_dim=6, mapping_layers=2, mapping_lr_multiplier=1.0).eval().requires_grad_(False)


def test_clusters_are_found_the_largest_first() -> None:
    numbers = torch.Generator().manual_seed(0)
    wanted = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], dtype=torch.float64)
    counts = (50, 200, 100)
    spread = [torch.randn(count, 2, generator=numbers, dtype=torch.float64) for count in counts]
    points = torch.cat([place + each for place, each in zip(wanted, spread, strict=True)])
    points = points[torch.randperm(350, generator=numbers)]
    for seed in range(5):
        torch.testing.assert_close(cluster(points, 3, seed=seed), wanted[[1, 2, 0]], rtol=0, atol=0.5)


def test_as_many_clusters_as_points_and_equal_points() -> None:
    points = torch.tensor([[0.0], [1.0], [2.0], [3.0]], dtype=torch.float64)
    assert sorted(cluster(points, 4).flatten().tolist()) == [0, 1, 2, 3]
    same = cluster(torch.zeros(6, 2, dtype=torch.float64), 3)
    assert same.shape == (3, 2)
    assert not same.any()


def test_centres_of_a_generator_repeat_and_fit_their_codes_better_than_the_mean() -> None:
    network = generator()
    centres = compute_centres(network, 4, num_codes=600, seed=2)
    assert centres.shape == (4, network.num_ws, 6)
    assert torch.equal(centres, compute_centres(network, 4, num_codes=600, seed=2))
    one = compute_centres(network, 1, num_codes=600, seed=2)
    ws = network.mapping(torch.randn(500, 5, generator=torch.Generator().manual_seed(9)))
    to_own = (ws - centres[nearest_centre(ws, centres)]).square().sum()
    assert to_own < 0.8 * (ws - one).square().sum()
    torch.testing.assert_close(one[0, 0], ws.mean(0)[0], rtol=0, atol=0.3)
    assert compute_centres(generator(c_dim=3), 2, num_codes=20).shape == (2, network.num_ws, 6)
    with pytest.raises(ConfigError, match="number of codes: got 3"):
        compute_centres(network, 4, num_codes=3)


def test_latents_go_to_the_nearest_centre() -> None:
    centres = torch.stack([torch.zeros(3, 2), torch.full((3, 2), 10.0)])
    ws = torch.stack([torch.full((3, 2), 2.0), torch.full((3, 2), 7.0)])
    assert torch.equal(truncate(ws, centres, 0.0), centres)
    assert torch.equal(truncate(ws, centres, 1.0), ws)
    torch.testing.assert_close(truncate(ws, centres, 0.5), torch.stack([torch.full((3, 2), 1.0), torch.full((3, 2), 8.5)]))
    cut = truncate(ws, centres, 0.5, truncation_cutoff=1)
    assert cut[:, 0, 0].tolist() == [1.0, 8.5]
    assert torch.equal(cut[:, 1:], ws[:, 1:])
    with pytest.raises(ShapeError, match=r"centres: got shape \[2, 3, 4\], expected \[K, L=3, D=2\]"):
        truncate(ws, torch.zeros(2, 3, 4), 0.5)


def test_with_the_mean_latent_alone_it_is_the_usual_truncation() -> None:
    network = generator()
    network.w_avg.copy_(torch.arange(6.0))
    z = torch.randn(3, 5, generator=torch.Generator().manual_seed(1))
    usual = network.mapping(z, truncation_psi=0.6, truncation_cutoff=2)
    mean = network.w_avg.expand(1, network.num_ws, 6)
    torch.testing.assert_close(truncate(network.mapping(z), mean, 0.6, 2), usual)
