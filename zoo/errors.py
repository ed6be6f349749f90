"""The errors the zoo raises: what was received, what was expected, how to mend it.

The library raises them; the command line prints the message as one line and exits with 1.
"""

import difflib
from collections.abc import Iterable


class ZooError(Exception):
    """Any failure that its message explains in full; the base of all the others."""


class ConfigError(ZooError, ValueError):
    """A model's configuration has an unknown field or a value outside its range."""


class PluginError(ZooError):
    """A plugin is unknown, broken, or not what it says it is."""


class DataError(ZooError):
    """A data set is unknown, unreadable, or does not suit the model."""


class RunError(ZooError):
    """A run directory or a checkpoint is missing, broken, in use, or of another kind."""


class NonFiniteError(ZooError):
    """A term of a loss, or a weight, has become NaN or infinite."""


class Interrupted(KeyboardInterrupt):
    """A signal ended a training; the message says how to go on."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'x'?"` for the known name closest to `name`, or an empty string."""
    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{matches[0]}'?" if matches else ""
