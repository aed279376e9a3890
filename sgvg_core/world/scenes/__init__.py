"""One file a scene: `paint(grid, scene)` paints what stands still and returns the frame of a strength and a phase."""
