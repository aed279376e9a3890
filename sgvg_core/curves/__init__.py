"""Curves out of a sound, one number a frame: loudness, onsets, beats, bands, chroma and others, and tools on them.

`analysis` measures a whole source once and reads it at any film's frames; `curve` is the value that travels; `tools` change it. Each
measure says its unit, its range and what silence gives.
"""
