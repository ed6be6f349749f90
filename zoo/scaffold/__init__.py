"""The beginning of a plugin: a package that holds a small, whole model, to be made one's own."""

from zoo.scaffold.writing import KINDS, new_plugin

__all__ = ["KINDS", "new_plugin"]
