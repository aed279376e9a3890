"""Measuring: `judged` (the judge's table), `paper` (the paper's tables), `study` (its user study), `networks` (that see 16 frames).
"""
