"""Files that nodes made, which ComfyUI's cache knows by their names alone."""

import collections
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MadeFiles:
    """The files that a kind of node made, by its settings: ComfyUI's cache keeps what stands for them, whether they're there or not.

    A node's fingerprint has the number of files that were lost, so that it runs again when one is gone.
    """

    def __init__(self, *settings: str) -> None:
        self._settings = settings
        self._made: dict[str, set[Path]] = {}
        self._lost: collections.Counter[str] = collections.Counter()

    def add(self, hidden: Any, inputs: Mapping[str, Any], *paths: Path) -> None:
        """Note files of the node that runs: `hidden` has its graph and its number; `inputs`, what it was given, counts where that fails."""
        graph = getattr(hidden, "prompt", None) or {}
        node = graph.get(getattr(hidden, "unique_id", None), {}) if isinstance(graph, Mapping) else {}
        self._made.setdefault(self._key(node.get("inputs", inputs) if isinstance(node, Mapping) else inputs), set()).update(paths)

    def fingerprint(self, inputs: Mapping[str, Any]) -> int:
        """How many files of a node with these settings were lost so far; wires have no say."""
        key = self._key(inputs)
        gone = {path for path in self._made.get(key, ()) if not path.exists()}
        if gone:
            self._made[key] -= gone
            self._lost[key] += len(gone)
        return self._lost[key]

    def _key(self, inputs: Mapping[str, Any]) -> str:
        """The settings as one text: a wire, in the graph a list, has no value yet when ComfyUI asks for a fingerprint."""
        values = (inputs.get(name) for name in self._settings)
        return repr([None if isinstance(value, list | tuple) else value for value in values])
