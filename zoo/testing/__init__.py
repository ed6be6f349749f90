"""The conformance kit for plugins: subclass `PluginContract` in a plugin's tests."""

from zoo.testing.contract import PluginContract

__all__ = ["PluginContract"]
