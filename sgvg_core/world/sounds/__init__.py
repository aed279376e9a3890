"""The sounds of the world: one file a class, further ones by which recordings know a class in `found`, the tools in `tools`."""
