"""From one scene to another: crisp up to the jump and behind it, and a film gets past it quickly, once."""

from fractions import Fraction

import pytest
import torch

from sgvg_core.editing.passing import LANDS, LEAVES, LandingShift, crisp_ends, passed_quickly

FPS = Fraction(20)


def test_a_strength_leads_as_far_as_pictures_are_crisp_and_jumps_over_the_rest() -> None:
    shift = LandingShift(torch.ones(2, 3), 0.25, 0.75)
    places = shift.place(torch.tensor([-1.0, 0, LEAVES / 2, LEAVES, LANDS, 0.75, 1, 1.5]))
    torch.testing.assert_close(places, torch.tensor([-1.0, 0, 0.125, 0.25, 0.75, 0.875, 1, 1.5]))
    fine = shift.place(torch.linspace(0, 1, 1001))
    assert (fine.diff() >= 0).all()
    assert ((fine > 0.26) & (fine < 0.74)).float().mean() < 0.01
    assert torch.equal(shift(torch.tensor([1.0, 0.0])), torch.stack([torch.ones(2, 3), torch.zeros(2, 3)]))


def test_a_way_is_taken_as_far_as_it_is_crisp() -> None:
    places = torch.linspace(0, 1, 5)
    assert crisp_ends(places, torch.tensor([True, True, False, True, True])) == (0.25, 0.75)
    assert crisp_ends(places, torch.tensor([True, False, True, False, True])) == (0, 1)
    shift = LandingShift(torch.ones(1, 1), *crisp_ends(places, torch.ones(5, dtype=torch.bool)))
    torch.testing.assert_close(shift.place(torch.linspace(0, 1, 9)), torch.linspace(0, 1, 9), atol=1e-6, rtol=0)


def test_a_film_is_past_the_middle_in_a_third_of_a_second_however_slow_its_curve() -> None:
    slow = torch.linspace(0, 1, 201)[:, None]
    passed = passed_quickly(slow, FPS)[:, 0]
    between = (passed > LEAVES) & (passed < LANDS)
    assert 2 <= int(between.sum()) <= 6
    assert bool((passed.diff() >= -1e-6).all())
    torch.testing.assert_close(passed[[0, 40, 160, 200]], slow[[0, 40, 160, 200], 0])
    jump = torch.cat([torch.zeros(40, 1), torch.ones(40, 1)])
    assert torch.equal(passed_quickly(jump, FPS)[:40], jump[:40]), "what is 0 stays 0"


@pytest.mark.parametrize(("length", "crosses"), [(8, False), (14, True)])
def test_a_film_crosses_only_for_half_a_second_or_more(length: int, crosses: bool) -> None:
    amounts = torch.full((80, 1), 0.2)
    amounts[30 : 30 + length] = 0.9
    assert bool((passed_quickly(amounts, FPS) >= LANDS).any()) == crosses
