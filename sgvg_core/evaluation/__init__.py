"""Measuring: how well the picture means the sound."""

from .table import evaluate

__all__ = ["evaluate"]
