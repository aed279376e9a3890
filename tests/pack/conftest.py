"""The pack in a stand-in for ComfyUI, for all tests of nodes."""

from node_pack import pack as pack
