"""Smoothing without loss or lag, and figures that say what a film does: each on films whose answer is known."""

import numpy as np
import pytest
import torch

from sgvg_core.editing.own_detail import structure_kept, with_own_detail
from sgvg_core.editing.smoothing import gaussian_kernel, smoothed
from sgvg_core.editing.temporal import TemporalMeter, judge_features, motion_lag


def smooth(series: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    found = list(smoothed(((value, index) for index, value in enumerate(series)), kernel))
    assert [index for _, index in found] == list(range(len(series)))
    return torch.stack([value for value, _ in found])


@pytest.mark.parametrize("length", [1, 2, 3, 9, 40])
def test_smoothing_is_scipys_with_mirrored_ends(length: int) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    series = torch.randn(length, 3, 2, generator=torch.Generator().manual_seed(1))
    kernel = gaussian_kernel(0.12, 25)
    assert len(kernel) == 17
    expected = series.clone()
    if length > 1:
        expected = torch.from_numpy(ndimage.convolve1d(series.double().numpy(), kernel.double().numpy(), axis=0, mode="mirror")).float()
    torch.testing.assert_close(smooth(series, kernel), expected, rtol=1e-5, atol=1e-6)


def test_a_kernel_is_seconds_long_at_every_rate_and_none_changes_nothing() -> None:
    for fps in (12, 25, 60):
        kernel = gaussian_kernel(0.1, fps)
        places = (torch.arange(len(kernel)) - len(kernel) // 2) / fps
        assert float((kernel * places.square()).sum().sqrt()) == pytest.approx(0.1, rel=0.1)
    series = torch.randn(5, 2, 2)
    assert torch.equal(smooth(series, gaussian_kernel(0.0, 25)), series)


def test_smoothing_holds_few_frames_of_a_long_film() -> None:
    alive: set[int] = set()
    most = 0

    class Frame:
        def __init__(self, number: int) -> None:
            self.number = number
            alive.add(number)

        def __del__(self) -> None:
            alive.discard(self.number)

    for _ in smoothed(((torch.zeros(1, 1), Frame(index)) for index in range(500)), gaussian_kernel(0.1, 25)):
        most = max(most, len(alive))
    assert most <= 2 * 7 + 3


def film(shift: int = 0, length: int = 40) -> list[torch.Tensor]:
    """A bar that moves by fits and starts, `shift` frames late."""
    rng = np.random.default_rng(5)
    places = np.cumsum(rng.integers(0, 5, length + 16))
    frames = []
    for index in range(length):
        image = torch.full((3, 64, 64), -0.5)
        image[:, 20:40, int(places[index + 8 - shift]) % 60 : int(places[index + 8 - shift]) % 60 + 4] = 0.8
        frames.append(image)
    return frames


def measured(source: list[torch.Tensor], edited: list[torch.Tensor]) -> dict:
    meter = TemporalMeter(lambda images: torch.nn.functional.avg_pool2d(images, 8).flatten(1))
    for one, other in zip(source, edited, strict=True):
        meter.add(one, other)
    return meter.report(25.0)


def test_a_film_against_itself_and_half_as_bright() -> None:
    same = measured(film(), film())
    assert (same["tl"], same["tg"], same["change_ratio"], same["flicker_ratio"], same["lag_frames"]) == (1, 1, 1, 1, 0)
    dim = measured(film(), [frame * 0.5 for frame in film()])
    assert dim["change_ratio"] == pytest.approx(0.5, abs=1e-3)
    assert dim["lag_frames"] == 0


@pytest.mark.parametrize("shift", [-3, -1, 2, 5])
def test_a_film_that_comes_late_is_found_late(shift: int) -> None:
    report = measured(film(), film(shift))
    assert report["lag_frames"] == shift
    assert report["lag_seconds"] == pytest.approx(shift / 25)


def test_noise_of_its_own_in_each_frame_is_flicker_and_costs_coherence() -> None:
    noise = torch.Generator().manual_seed(0)
    report = measured(film(), [frame + torch.randn(3, 8, 8, generator=noise).repeat_interleave(8, 1).repeat_interleave(8, 2) for frame in film()])
    assert min(report["flicker_ratio"], report["change_ratio"]) > 2
    assert report["tl"] < 0.9
    assert report["tg"] < 0.9


def test_films_that_stand_still_or_are_short_have_no_lag() -> None:
    still = [torch.full((3, 64, 64), 0.3)] * 20
    report = measured(still, still)
    assert (report["lag_frames"], report["change_ratio"], report["tl"]) == (None, None, 1)
    assert measured(film(length=1), film(length=1))["tl"] is None
    assert motion_lag(np.ones(5), np.ones(5), 3) is None


def test_all_pairs_are_what_they_are_one_by_one() -> None:
    frames = [torch.randn(3, 64, 64, generator=torch.Generator().manual_seed(seed)) + 0.3 for seed in range(6)]
    others = [frame.flip(2) for frame in frames]
    functional = torch.nn.functional
    vectors = [[functional.normalize(functional.avg_pool2d(frame, 8).flatten(), dim=0) for frame in each] for each in (frames, others)]
    means = [np.mean([float(a @ b) for i, a in enumerate(each) for b in each[:i]]) for each in vectors]
    assert measured(frames, others)["tg"] == pytest.approx(means[1] / means[0], abs=1e-4)


def test_the_bundled_judge_gives_features() -> None:
    assert judge_features()(torch.zeros(2, 3, 64, 64)).shape[0] == 2


def picture(seed: int = 0, size: int = 64) -> torch.Tensor:
    rough = torch.rand(1, 3, size // 4, size // 4, generator=torch.Generator().manual_seed(seed)) * 1.6 - 0.8
    return torch.nn.functional.interpolate(rough, size=(size, size), mode="bicubic").clamp(-1, 1)


def test_no_edit_gives_the_input_bit_by_bit_at_any_size() -> None:
    drawn, source = picture(), picture(1, 128)
    assert torch.equal(with_own_detail(source, drawn, drawn), source)


def test_detail_is_put_back_where_the_structure_stayed_and_not_where_it_is_new() -> None:
    drawn = picture()
    detail = 0.1 * torch.sign(torch.sin(torch.arange(64.0) * 2))[None, None, None].expand(1, 3, 64, 64)
    source = drawn + detail
    darker = drawn * 0.5 - 0.3
    answer = with_own_detail(source, drawn, darker)
    torch.testing.assert_close(answer, darker + 0.5 * detail, atol=0.03, rtol=0)
    other = picture(7)
    assert (with_own_detail(source, drawn, other) - other).abs().mean() < 0.35 * detail.abs().mean()
    assert torch.equal(with_own_detail(source, drawn, other, 0.0), other)


def test_structure_is_kept_by_light_and_lost_by_another_scene() -> None:
    drawn = picture()
    kept, contrast = structure_kept(drawn, drawn * 0.5 + 0.2)
    assert kept.min() > 0.9
    assert float(contrast.mean()) == pytest.approx(0.5, abs=0.05)
    assert structure_kept(drawn, picture(7))[0].mean() < 0.3
