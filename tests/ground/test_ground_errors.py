"""What files bring into messages can't act on a terminal, break lines or fill the screen."""

import pickle

import pytest

from sgvg_core.errors import MAX_MESSAGE, CheckpointError, SGVGError, shown

ACTING = {
    "a\nerror: none": "a\\nerror: none",
    "\x1b[2Jw": "\\x1b[2Jw",
    "a\r\x07\x00\x7f": "a\\r\\x07\\x00\\x7f",
    "\x9b31m": "\\x9b31m",
    "\u202egnp.exe": "\\u202egnp.exe",
    "a\u2028b": "a\\u2028b",
    "\udc80": "\\udc80",
}


@pytest.mark.parametrize("text", list(ACTING))
def test_what_acts_on_a_terminal_is_escaped(text: str) -> None:
    assert shown(text) == ACTING[text]
    assert str(CheckpointError(f"file: {text}")) == f"file: {ACTING[text]}"


@pytest.mark.parametrize("text", ["plain", "Größe 256 × 256", "音", "a\\nb", ""])
def test_printable_text_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize("text", ["a" * 10**6, "\x1b" * 10**6, "ab\n" * 40])
def test_long_text_is_cut(text: str) -> None:
    assert len(shown(text)) == 100
    assert shown(text).endswith("...")
    assert shown(shown(text)) == shown(text)
    assert len(str(SGVGError(text * 100))) == MAX_MESSAGE


def test_other_values_are_shown_as_texts() -> None:
    assert shown(b"a\n") == "b'a\\n'"
    assert shown(None) == "None"


def test_errors_cross_processes() -> None:
    again = pickle.loads(pickle.dumps(CheckpointError("a\nb")))  # noqa: S301 (made here)
    assert type(again) is CheckpointError
    assert str(again) == "a\\nb"
