"""Curve expressions: what they come to, and where an error points."""

import contextlib
import random
from fractions import Fraction

import pytest
import torch

from sgvg_core.curves.curve import Curve
from sgvg_core.errors import ConfigError, SGVGError
from sgvg_core.motion import ExpressionError, read_assignments, read_expression

RATE = Fraction(10)
BASS = Curve([0.0, 0.25, 0.5, 1.0], RATE, "bass")
ONSET = Curve([1.0, 0.0, 0.0, 0.5], RATE, "onset")
CURVES = {"bass": BASS, "onset": ONSET}


def value(text: str) -> list[float]:
    return read_expression(text, CURVES).curve(CURVES, BASS).tolist()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2", [2, 2, 2, 2]),
        ("bass*1.5", [0, 0.375, 0.75, 1.5]),
        ("1-onset", [0, 1, 1, 0.5]),
        ("2+3*4", [14] * 4),
        ("(2+3)*4", [20] * 4),
        ("8-3-2", [3] * 4),
        ("8/4/2", [1] * 4),
        ("2^3^2", [512] * 4),
        ("-2^2", [-4] * 4),
        ("2^-1", [0.5] * 4),
        ("--3", [3] * 4),
        (".5e1 + 1.", [6] * 4),
        ("min(bass, onset, 0.4)", [0, 0, 0, 0.4]),
        ("max(0.3, bass)", [0.3, 0.3, 0.5, 1]),
        ("clip(bass*2, 0.25, 1)", [0.25, 0.5, 1, 1]),
        ("delay(bass, 0.1)", [0, 0, 0.25, 0.5]),
        ("delay(bass, 0)", [0, 0.25, 0.5, 1]),
        ("smooth(3, 1)", [3] * 4),
        ("bass^2", [0, 0.0625, 0.25, 1]),
        ("2^bass", [1, 2**0.25, 2**0.5, 2]),
        ("1/(1+bass)", [1, 0.8, 2 / 3, 0.5]),
    ],
)
def test_an_expression_comes_to_what_it_says(text: str, wanted: list[float]) -> None:
    assert value(text) == pytest.approx(wanted, abs=1e-6)


def test_smoothing_is_the_same_at_every_frame_rate() -> None:
    for seconds in (0.3, 1.0):
        slow, fast = (
            read_expression(f"smooth(x, {seconds})").curve({"x": Curve((torch.arange(4 * fps) >= 2 * fps).float(), Fraction(fps))},
                                                           Curve.constant(0, Fraction(fps), 4 * fps))
            for fps in (24, 60)
        )
        assert (slow.values - fast.at(Fraction(24), len(slow)).values).abs().max() < 0.08
    ones = read_expression("smooth(x, 2)").curve({"x": Curve.constant(1, RATE, 30)}, Curve.constant(0, RATE, 30))
    assert ones.tolist() == pytest.approx([1] * 30), "the ends are renormalised"


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("bas*1.5", 1, "no curve 'bas' (did you mean bass?); there are bass, onset"),
        ("1 - ", 4, "got nothing, expected a number, a name or '('"),
        ("1 + * 2", 5, "got '*', expected a number"),
        ("(1 + 2", 7, "got nothing, expected an operator (+ - * / ^) or ')'"),
        ("1 2", 3, "got '2', expected an operator"),
        ("bass.real", 5, "'.' means nothing here"),
        ("__import__(os)", 1, "no function '__import__'"),
        ("f('os')", 3, "means nothing here"),
        ("bass[0]", 5, "'[' means nothing here"),
        ("min(bass)", 1, "min got 1 argument, expected 2 to 16"),
        ("clip(1, 2)", 1, "clip got 2 arguments, expected 3"),
        ("smooth(bass, onset)", 14, "smooth's seconds: expected a plain number from 0 to 60"),
        ("delay(bass, -1)", 13, "delay's seconds: expected a plain number from 0 to 3600"),
        ("smooth", 1, "smooth is a function; expected '(' after it"),
        ("sin(bass)", 1, "no function 'sin'"),
        ("1/bass", 2, "/ gives no finite number in some frame"),
        ("1/0", 2, "/ gives no finite number"),
        ("(0-1)^0.5", 6, "^ gives no finite number"),
        ("9^9^9^9", 4, "^ gives no finite number"),
        ("(0-bass-1)^0.5", 11, "^ gives no finite number"),
        ("1e999", 1, "the number is too large"),
        ("", 1, "got nothing, expected a number"),
        ("mid=bass", 4, "got '=', expected an operator"),
        ("bass\x1b[2J", 5, r"means nothing here"),
    ],
)
def test_an_error_points_at_the_character(text: str, at: int, said: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        read_expression(text, ["bass", "onset", "mid"] if text.startswith("mid") else CURVES).curve(CURVES, BASS)
    assert str(caught.value).startswith(f"curve expression, character {at}")
    assert said in str(caught.value)
    line, caret = caught.value.sketch.split("\n")
    assert caret.index("^") == 2 + at - 1
    assert line.isprintable()


def test_texts_are_bounded() -> None:
    with pytest.raises(ConfigError, match="got 1,001 characters, expected at most 1,000"):
        read_expression("1" * 1001)
    assert read_expression("(" * 30 + "1" + ")" * 30).names == ()
    with pytest.raises(ExpressionError, match=r"character 33.*more than 32 parentheses"):
        read_expression("(" * 400 + "1" + ")" * 400)
    with pytest.raises(ExpressionError, match="more than 200 numbers"):
        read_expression("+".join(["1"] * 200))
    with pytest.raises(ExpressionError, match="more than 200 numbers"):
        read_expression("-" * 900 + "1")
    assert len(caret_line("1 + " * 200 + "$")) < 140


def caret_line(text: str) -> str:
    with pytest.raises(ExpressionError) as caught:
        read_expression(text)
    return caught.value.sketch.split("\n")[1]


def test_no_text_does_anything_but_be_read_or_refused() -> None:
    """Random texts of the language's own characters and of others: an answer or our own error, nothing else, and soon."""
    draw = random.Random(3)
    pieces = ["bass", "onset", "1", ".5", "2e3", "+", "-", "*", "/", "^", "(", ")", ",", "=", "min(", "clip(", "smooth(", " ", "$", "é", "x", "\n"]
    read = 0
    for _ in range(3000):
        text = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 14)))
        with contextlib.suppress(SGVGError):
            made = read_expression(text, CURVES).curve(CURVES, BASS)
            assert made.values.isfinite().all()
            read += 1
    assert read > 50


def test_assignments_name_what_is_driven() -> None:
    found = read_assignments("mid=bass*1.5, pull = max(0, 1-onset)", ("mid", "pull", "psi"), CURVES)
    assert list(found) == ["mid", "pull"]
    assert found["pull"].names == ("onset",)
    assert found["mid"].curve(CURVES, BASS).tolist() == pytest.approx([0, 0.375, 0.75, 1.5])
    for text, at, said in (
        ("med=1", 1, "'med' can't be driven (did you mean mid?); expected mid, pull, psi"),
        ("mid=1, mid=2", 8, "mid is driven twice"),
        ("mid 1", 5, "got '1', expected '=' after mid"),
        ("mid=1; pull=2", 6, "';' means nothing here"),
        ("mid=1 pull=2", 7, "got 'pull', expected an operator (+ - * / ^), or a comma before the next name"),
        ("mid=1,", 7, "got nothing, expected the name of what is driven"),
    ):
        with pytest.raises(ExpressionError) as caught:
            read_assignments(text, ("mid", "pull", "psi"), CURVES)
        assert str(caught.value).startswith(f"curve expression, character {at}")
        assert said in str(caught.value)
