"""Every error a user can meet, by name.

All derive from `TensorgradError`, and each also from the built-in that NumPy or
Python would have raised, so `except ValueError` keeps working. `InputError` and
its children stand for something the user gave (a file, an option, a
checkpoint): the command lines print its one line and exit with status 2.
"""


class TensorgradError(Exception):
    """The root: `except TensorgradError` catches everything this library raises."""


class ShapeError(TensorgradError, ValueError):
    """Shapes that do not fit together, or a gradient of the wrong shape."""


class DtypeError(TensorgradError, TypeError):
    """A dtype that cannot do what was asked: gradients of integers, a cast down."""


class GraphError(TensorgradError, RuntimeError):
    """A backward pass without a graph, or through one that was freed."""


class MutationError(TensorgradError, RuntimeError):
    """A write that could not reach what it was meant to change."""


class AnomalyError(TensorgradError, ArithmeticError):
    """Anomaly mode: the op and source line of the first NaN or infinity."""


class DefinitionError(TensorgradError, TypeError):
    """An op whose formulas do not match its forward."""


class MissingExtra(TensorgradError, ImportError):
    """An optional package is absent; the message names the extra that brings it."""


class InputError(TensorgradError, ValueError):
    """Something the user gave cannot be used; the message says what to do."""


class ConfigError(InputError):
    """A setting outside its range, or two settings that contradict each other."""


class DataError(InputError):
    """A data file that is missing, empty, too short, or not text."""


class CheckpointError(InputError):
    """A checkpoint that is missing, truncated, edited, or from another config."""


class StateDictError(InputError):
    """A state dict whose names or shapes do not match the module's."""
