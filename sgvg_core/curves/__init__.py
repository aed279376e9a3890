"""Curves [T] out of a sound, one number a frame or window: loudness, onsets, chroma.

Each function says its unit, its range and what silence gives. Files and frame clocks are somebody else's.
"""
