"""Numbers over time, written down: "bass*1.5", "1-onset", "clip(0.5 + smooth(loudness, 0.3), 0, 2)".

A small language of its own: numbers, names of curves, + - * / ^, parentheses, and the functions of `FUNCTIONS`. Nothing of Python is
reached from it. `^` binds first and to the right, then the sign, then * and /, then + and -. Errors say which
character is in question.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping

from ..curves.curve import Curve
from ..curves.tools import delay, smooth
from ..errors import ConfigError, shown

MAX_CHARACTERS = 1000
MAX_DEPTH = 32
MAX_PARTS = 200

FUNCTIONS = {"min": (2, 16), "max": (2, 16), "clip": (3, 3), "smooth": (2, 2), "delay": (2, 2)}
"""Each function's least and greatest number of arguments: min(a, b, ...), max(a, b, ...), clip(x, low, high), smooth(x, seconds) and
delay(x, seconds), the last two as in `curves.tools`. Their seconds are plain numbers."""

_TOKEN = re.compile(r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<sign>[-+*/^(),=]))")
_SMOOTHED = {"smooth": 60.0, "delay": 3600.0}  # the greatest number of seconds


class ExpressionError(ConfigError):
    """An expression that can't be read or computed: `message` says why. `sketch` is two lines: the text, and a caret below the character in question.
    """

    def __init__(self, message: str, sketch: str = "") -> None:
        super().__init__(message)
        self.sketch = sketch


@dataclasses.dataclass(frozen=True)
class _Token:
    kind: str
    """"number", "name", "sign" or "end"."""
    text: str
    at: int
    """Where it begins in the text."""


@dataclasses.dataclass(frozen=True)
class _Part:
    """A node of the tree: a number, a name, or an operation on other parts."""

    kind: str
    text: str
    at: int
    inner: tuple["_Part", ...] = ()


@dataclasses.dataclass(frozen=True)
class Expression:
    """One number over time, as its text says it."""

    text: str
    """The whole text that it was read from, for messages."""
    tree: _Part = dataclasses.field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The curves that it asks for, each once, in their order."""
        return tuple(dict.fromkeys(part.text for part in _parts(self.tree) if part.kind == "name"))

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Raise ExpressionError at the first name that isn't among `known`."""
        names = list(known)
        for part in _parts(self.tree):
            if part.kind == "name" and part.text not in names:
                raise _no_curve(self.text, part.at, part.text, names)

    def curve(self, curves: Callable[[str], Curve] | Mapping[str, Curve], like: Curve) -> Curve:
        """Its values at the frames of `like`: as many, at its rate. `curves` gives the curve of each name.

        Raises ConfigError, which points at the operation whose numbers aren't finite.
        """
        found = _Evaluation(self.text, curves if callable(curves) else curves.__getitem__, like).value(self.tree)
        return found if isinstance(found, Curve) else Curve.constant(found, like.rate, len(like))


def read_expression(text: str, known: Iterable[str] | None = None) -> Expression:
    """One expression out of `text`. `known` are the names that mean something (None: any may). Raises ConfigError."""
    reader = _Reader(text, known)
    tree = reader.sum()
    reader.expect_end("an operator (+ - * / ^)")
    return Expression(text, tree)


def read_assignments(text: str, targets: Iterable[str], known: Iterable[str] | None = None) -> dict[str, Expression]:
    """Several, each for what it drives, out of `text` such as "mid=bass*1.5, pull=1-onset". `targets` are what may be left of a "=".

    `known` are the names that mean something (None: any may). Raises ConfigError.
    """
    reader = _Reader(text, known)
    allowed = list(targets)
    found: dict[str, Expression] = {}
    while True:
        name = reader.take("name", f"the name of what is driven, one of {', '.join(allowed)}")
        if name.text not in allowed:
            raise pointed(text, name.at, f"{shown(name.text, 40)!r} can't be driven{_nearest(name.text, allowed)}; expected {', '.join(allowed)}")
        if name.text in found:
            raise pointed(text, name.at, f"{name.text} is driven twice; join both into one expression")
        reader.take("=", f"'=' after {name.text}")
        found[name.text] = Expression(text, reader.sum())
        if reader.next.kind == "end":
            return found
        reader.take(",", "an operator (+ - * / ^), or a comma before the next name")


def pointed(text: str, at: int, said: str) -> "ExpressionError":
    """The error of one character.

    `at` is the place of the character in `text`, `said` what is wrong there.
    """
    begin = max(0, at - 60)
    cut = "..." if begin else ""
    line = "".join(char if char.isprintable() else "?" for char in text[begin : begin + 120])
    rest = shown(text[at:], 24)
    where = f"character {at + 1}" + (f", at {rest!r}" if rest else ", the end")
    return ExpressionError(f"curve expression, {where}: {said}", f"  {cut}{line}\n  {' ' * (len(cut) + at - begin)}^")


def _no_curve(text: str, at: int, name: str, known: list[str]) -> "ExpressionError":
    return pointed(text, at, f"no curve {shown(name, 40)!r}{_nearest(name, known)}; there are {', '.join(known)}")


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f" (did you mean {near[0]}?)" if near else ""


def _parts(tree: _Part) -> Iterable[_Part]:
    yield tree
    for inner in tree.inner:
        yield from _parts(inner)


class _Reader:
    """A recursive descent over the tokens of a text; depth and number of parts are bounded."""

    def __init__(self, text: str, known: Iterable[str] | None) -> None:
        self.text = text
        self.known = None if known is None else set(known)
        if len(text) > MAX_CHARACTERS:
            raise ConfigError(f"curve expression: got {len(text):,} characters, expected at most {MAX_CHARACTERS:,}")
        self.tokens = self._split()
        self.place, self.depth, self.num_parts = 0, 0, 0

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        end = len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                raise pointed(self.text, at, f"{self.text[at]!r} means nothing here; expected numbers, names, + - * / ^ and parentheses")
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        return [*tokens, _Token("end", "the end", end)]

    @property
    def next(self) -> _Token:
        """The token that comes next."""
        return self.tokens[self.place]

    def take(self, wanted: str, said: str) -> _Token:
        """The next token, if it's of this kind or is this sign."""
        token = self.next
        if wanted != (token.text if token.kind == "sign" else token.kind):
            raise self.unexpected(said)
        self.place += 1
        return token

    def unexpected(self, said: str) -> "ExpressionError":
        """The error of the next token."""
        got = "nothing" if self.next.kind == "end" else repr(shown(self.next.text, 40))
        return pointed(self.text, self.next.at, f"got {got}, expected {said}")

    def expect_end(self, said: str) -> None:
        """Raise ConfigError unless all is read."""
        if self.next.kind != "end":
            raise self.unexpected(said)

    def part(self, token: _Token, kind: str, *inner: _Part) -> _Part:
        """One more part of the tree."""
        self.num_parts += 1
        if self.num_parts > MAX_PARTS:
            raise pointed(self.text, token.at, f"more than {MAX_PARTS} numbers, names and operations; write less into one text")
        return _Part(kind, token.text, token.at, inner)

    def is_sign(self, signs: str) -> bool:
        """Whether one of these signs comes next."""
        return self.next.kind == "sign" and self.next.text in signs

    def sum(self) -> _Part:
        """Terms with + and - between them."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise pointed(self.text, self.next.at, f"more than {MAX_DEPTH} parentheses or functions inside one another")
        left = self._product()
        while self.is_sign("+-"):
            token = self.take(self.next.text, "")
            left = self.part(token, "operation", left, self._product())
        self.depth -= 1
        return left

    def _product(self) -> _Part:
        left = self._signed()
        while self.is_sign("*/"):
            token = self.take(self.next.text, "")
            left = self.part(token, "operation", left, self._signed())
        return left

    def _signed(self) -> _Part:
        signs = []
        while self.is_sign("+-"):
            signs.append(self.take(self.next.text, ""))
        found = self._power()
        for token in reversed(signs):
            found = self.part(token, "sign", found)
        return found

    def _power(self) -> _Part:
        chain = [self._atom()]
        tokens = []
        while self.is_sign("^"):
            tokens.append(self.take("^", ""))
            negative = [self.take("-", "")] if self.is_sign("-") else []
            chain.append(self.part(negative[0], "sign", self._atom()) if negative else self._atom())
        found = chain.pop()
        while tokens:
            found = self.part(tokens.pop(), "operation", chain.pop(), found)
        return found

    def _atom(self) -> _Part:
        if self.is_sign("("):
            self.take("(", "")
            inner = self.sum()
            self.take(")", "an operator (+ - * / ^) or ')'")
            return inner
        if self.next.kind == "number":
            token = self.take("number", "")
            if not math.isfinite(float(token.text)):
                raise pointed(self.text, token.at, "the number is too large")
            return self.part(token, "number")
        name = self.take("name", "a number, a name or '('")
        return self._call(name) if self.is_sign("(") else self._curve(name)

    def _curve(self, name: _Token) -> _Part:
        if name.text in FUNCTIONS:
            raise pointed(self.text, name.at, f"{name.text} is a function; expected '(' after it")
        if self.known is not None and name.text not in self.known:
            raise _no_curve(self.text, name.at, name.text, sorted(self.known))
        return self.part(name, "name")

    def _call(self, name: _Token) -> _Part:
        if name.text not in FUNCTIONS:
            said = f"no function {shown(name.text, 40)!r}{_nearest(name.text, FUNCTIONS)}; there are {', '.join(FUNCTIONS)}"
            raise pointed(self.text, name.at, said)
        self.take("(", "")
        inner = [self.sum()]
        while self.is_sign(","):
            self.take(",", "")
            inner.append(self.sum())
        self.take(")", "an operator (+ - * / ^), ',' or ')'")
        least, most = FUNCTIONS[name.text]
        if not least <= len(inner) <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise pointed(self.text, name.at, f"{name.text} got {len(inner)} argument{'s' * (len(inner) > 1)}, expected {wanted}")
        return self.part(name, "call", *inner)


Value = Curve | float


@dataclasses.dataclass(frozen=True)
class _Evaluation:
    text: str
    curves: Callable[[str], Curve]
    like: Curve

    def value(self, part: _Part) -> Value:
        """What a part of the tree comes to: a plain number where no curve is in it."""
        if part.kind == "number":
            return float(part.text)
        if part.kind == "name":
            return self._named(part).at(self.like.rate, len(self.like))
        values = [self.value(inner) for inner in part.inner]
        if part.kind == "sign":
            return -values[0] if part.text == "-" else values[0]
        try:
            return _finite(self._call(part, values) if part.kind == "call" else _operate(part.text, values[0], values[1]))
        except ExpressionError:
            raise
        except (ConfigError, ArithmeticError, ValueError) as error:
            raise pointed(self.text, part.at, f"{part.text} gives no finite number in some frame; keep it off 0 with max(..., 0.01)") from error

    def _named(self, part: _Part) -> Curve:
        try:
            return self.curves(part.text)
        except KeyError:
            raise pointed(self.text, part.at, f"no curve {shown(part.text, 40)!r}") from None
        except ConfigError as error:
            raise pointed(self.text, part.at, str(error)) from error

    def _call(self, part: _Part, values: list[Value]) -> Value:
        name, first = part.text, values[0]
        if name in _SMOOTHED:
            seconds = values[1]
            if isinstance(seconds, Curve) or not 0 <= seconds <= _SMOOTHED[name]:
                said = f"{name}'s seconds: expected a plain number from 0 to {_SMOOTHED[name]:g}"
                raise pointed(self.text, part.inner[1].at, said)
            return first if not isinstance(first, Curve) else (smooth if name == "smooth" else delay)(first, seconds)
        if name == "clip":
            return _least(_most(first, values[1]), values[2])
        for other in values[1:]:
            first = (_least if name == "min" else _most)(first, other)
        return first


def _operate(sign: str, left: Value, right: Value) -> Value:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    if sign == "*":
        return left * right
    if sign == "/":
        return left / right
    return left**right


def _finite(value: Value) -> Value:
    """A curve is checked when it's made; so are plain numbers here."""
    if not isinstance(value, Curve) and (isinstance(value, complex) or not math.isfinite(value)):
        raise ValueError("not a finite number")
    return value


def _least(left: Value, right: Value) -> Value:
    if isinstance(left, Curve):
        return left.minimum(right)
    return right.minimum(left) if isinstance(right, Curve) else min(left, right)


def _most(left: Value, right: Value) -> Value:
    if isinstance(left, Curve):
        return left.maximum(right)
    return right.maximum(left) if isinstance(right, Curve) else max(left, right)
