"""Sound in, moving picture out."""

from .listening import Listening, listen
from .pipeline import GeneratedVideo, GenerateSettings, generate
from .sound import HeardSound, Sound, hear
from .walk import Walk

__all__ = ["GenerateSettings", "GeneratedVideo", "HeardSound", "Listening", "Sound", "Walk", "generate", "hear", "listen"]
