"""The leaky ReLU of StyleGAN."""


SLOPE = 0.2
"""Slope of the leaky ReLU below zero; its gain is sqrt(2)."""
