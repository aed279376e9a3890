"""Measuring: `judged` (the judge's table), `paper` (the paper's tables), `study` (its user study), `networks` (that see 16 frames).

Nothing here trains. A figure comes with its interval, by `statistics`; what was seen of a film is kept under a fingerprint of all it depends on.
"""
