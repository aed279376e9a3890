"""Where decoded pieces lie in time, by time stamps that may jump, repeat, wrap or be wrong."""

from fractions import Fraction

SMALL_JUMP = Fraction(1, 10)
"""Time stamps may be this far (seconds) from the count of samples before the count gives way."""
_LONGEST_SILENCE = 3600
_ALWAYS_ALLOWED = 10
_FEWEST_BYTES = 1000
_NUM_OFFSETS = 8


def longest_silence(num_bytes: int, bytes_a_second: float = _FEWEST_BYTES) -> Fraction:
    """How many seconds of silence a file of `num_bytes` may have in it: as long as sound of this rate (at most 1 kB a second) could last.

    `bytes_a_second` is the rate of the sound.
    """
    held = num_bytes / max(1.0, min(float(_FEWEST_BYTES), bytes_a_second))
    return Fraction(min(_LONGEST_SILENCE, max(_ALWAYS_ALLOWED, int(held))))


class Timeline:
    """Pieces one after another. A gap in the stamps stays a gap if the file can hold it; whatever else doesn't follow is joined on.

    So a stamp that repeats or is wrong alone is passed over, and what comes after a jump back, a wrap or a jump too far ahead goes on
    where the last piece ended, until the stamps jump back again.
    """

    def __init__(self, zero: Fraction) -> None:
        self.zero = zero
        """The time stamp (seconds) that a player shows as 0."""
        self.num_mended = 0
        """How many stamps didn't count."""
        self.silence = Fraction(0)
        """Seconds of gaps behind the first piece."""
        self._expected: Fraction | None = None
        self._offsets = [Fraction(0)]

    @property
    def offset(self) -> Fraction:
        """What's added to the stamps at present."""
        return self._offsets[-1]

    def begin(self, stamp: Fraction | None, seconds: Fraction, following: Fraction | None, allowed: Fraction, *, exact: bool = False) -> Fraction:
        """When a piece of `seconds` begins, from time 0; negative where its head lies before that.

        `stamp` is its time by the file's word and `following` the next piece's (None: the file doesn't say), `allowed` the longest total of silence;
        `exact`: the stamp is taken though the count of samples is near (a piece is missing between).
        """
        begin = self._placed(stamp, seconds, following, allowed, exact)
        self._expected = begin + seconds
        return begin

    def _placed(self, stamp: Fraction | None, seconds: Fraction, following: Fraction | None, allowed: Fraction, exact: bool) -> Fraction:
        if stamp is None:
            return self._expected or Fraction(0)
        if self._expected is None:
            return self._first(stamp - self.zero, allowed)
        shown, expected = stamp - self.zero, self._expected
        for index in range(len(self._offsets) - 1, -1, -1):
            if abs(shown + self._offsets[index] - expected) < SMALL_JUMP:
                self._offsets.append(self._offsets.pop(index))
                return shown + self.offset if exact else expected
        alone = following is not None and abs(following - stamp - seconds) >= SMALL_JUMP
        gap = shown + self.offset - expected
        if not alone and 0 < gap <= allowed - self.silence:
            self.silence += gap
            return shown + self.offset
        self.num_mended += 1
        if not alone:
            self._offsets = [self._offsets[0], *self._offsets[1:][-_NUM_OFFSETS:], expected - shown]
        return expected

    def _first(self, begin: Fraction, allowed: Fraction) -> Fraction:
        if begin <= allowed:
            return begin
        self.num_mended += 1
        self._offsets.append(-begin)
        return Fraction(0)
