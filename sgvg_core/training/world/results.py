"""Where the results of the stages lie in a work folder."""

from pathlib import Path

from ...errors import CheckpointError

SHARPENED = "sharpened"


def needed(path: Path, stage: str, work: Path | None = None) -> Path:
    """The path, if the file is there; else CheckpointError with the command that makes it: stage `stage`, in the folder `work` (None: the
    path's own).
    """
    if not path.exists():
        raise CheckpointError(f"{path}: isn't there yet; make it with: python -m sgvg_core train {stage} --work {work or path.parent}")
    return path


def generator_file(work: Path) -> Path:
    """The generator of a work folder: the sharpened one, if that stage was run."""
    sharpened = work / SHARPENED / "generator.safetensors"
    return sharpened if sharpened.exists() else needed(work / "generator.safetensors", "generator")
