"""Every deliberate error of the package, one class a way to fail.

A message says what is wrong (with the value), the bound or the choices, and what to do next. It never holds a secret or
a person's data. Only `SourceUnavailableError` is worth a retry.
"""


class ShopmineError(Exception):
    """Base of every deliberate error: its text is meant for a person and is shown without a traceback."""


class ConfigError(ShopmineError):
    """A setting, a shop's file or an argument is wrong; running it again will not help."""


class DataError(ShopmineError):
    """The data cannot be used as it is: a column is missing, a frame is empty, a stored byte is not what was written."""


class SourceUnavailableError(ShopmineError):
    """A source, sink or the staging database does not answer or refuses; may pass by itself."""


class QuotaError(SourceUnavailableError):
    """A source gives no more for now: a quota is used up, or a limit reached. The days that it told whole may land."""


class GateError(ShopmineError):
    """A quality gate stopped the run before anything was published; the last release stays in place."""


class LeaseLostError(ShopmineError):
    """Another process holds the right to write this; what this process did not commit is not written."""


class NotFoundError(ShopmineError):
    """What was asked for (a shop, a release, a customer, an artifact) does not exist."""
