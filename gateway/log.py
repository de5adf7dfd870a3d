"""The log: one JSON line for each fact, also for what Twisted and libraries say. Never a secret.

An event has a fixed name ("local.request"); everything that varies is a field of its own, so that
nothing that came from outside can begin a line or a name. Values under names that sound secret are
replaced, octets are shown by their number only, long texts are cut.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final, TextIO, cast

import structlog
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

MAX_TEXT_CHARACTERS: Final = 2000  # of one value; a stack trace may be longer
MAX_TRACE_CHARACTERS: Final = 16_000
HIDDEN: Final = "[hidden]"
_SECRET_WORDS: Final = ("token", "password", "passphrase", "secret", "authorization", "private")
_SECRET_NAMES: Final = frozenset({"key", "pin", "cookie", "data_key", "storage_key", "content_key"})

_LEVELS: Final = {
    LogLevel.debug: logging.DEBUG,
    LogLevel.info: logging.INFO,
    LogLevel.warn: logging.WARNING,
    LogLevel.error: logging.ERROR,
    LogLevel.critical: logging.CRITICAL,
}


def start_log(level: str, stream: TextIO | None = None) -> None:
    """From now on everything that is logged in this process is a JSON line on `stream`.

    `level` is "debug", "info", "warning" or "error"; `stream` is standard error by default.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=_processors(),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Steady(stream or sys.stderr))),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_FromLogging()], level=max(threshold, logging.INFO), force=True)
    globalLogBeginner.beginLoggingTo(
        [TwistedToStructlog()], redirectStandardIO=False, discardBuffer=True
    )


class _Steady:
    """A stream on which lines may be lost, and nothing else: a full disk under the log, or a reader
    that went away, must not stop what was about to be logged."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._torn = False

    def write(self, text: str) -> None:
        try:
            self._stream.write(f"\n{text}" if self._torn else text)
            self._torn = False
        except OSError:
            self._torn = True  # perhaps in the middle of a line

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._torn = True


def _processors() -> list[structlog.types.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.processors.JSONRenderer(ensure_ascii=True, default=repr),
    ]


def hide_secrets(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The same event with every secret replaced and every value cut to a sane length."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: object) -> object:
    if _sounds_secret(name):
        return HIDDEN
    match value:
        case bool() | int() | float() | None:
            return value
        case str():
            return _cut(value, MAX_TRACE_CHARACTERS if name == "exception" else MAX_TEXT_CHARACTERS)
        case bytes() | bytearray() | memoryview():
            return f"<{len(value)} bytes>"
        case Mapping():
            return {str(key): _shown(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_shown(name, inner) for inner in value]
        case _:
            return _cut(str(value), MAX_TEXT_CHARACTERS)


@lru_cache(maxsize=1024)  # names of fields are few: they stand in our code
def _sounds_secret(name: str) -> bool:
    lowered = name.lower()
    return lowered in _SECRET_NAMES or any(word in lowered for word in _SECRET_WORDS)


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]} [{len(text)} characters]"


@implementer(ILogObserver)
class TwistedToStructlog:
    """Hands Twisted's own events on; its texts become a field, not an event name."""

    def __call__(self, event: LogEvent) -> None:
        """Log `event` as "twisted" with its text and, for a failure, the trace."""
        failure = event.get("log_failure")
        fields: dict[str, Any] = {"source": str(event.get("log_namespace", ""))}
        if failure is not None:
            fields["exception"] = failure.getTraceback()
        level = _LEVELS.get(event.get("log_level", LogLevel.info), logging.INFO)
        if level <= logging.INFO:
            level = logging.DEBUG  # its chatter about ports and factories is for debugging
        structlog.get_logger().log(level, "twisted", text=_text_of(event), **fields)


def _text_of(event: LogEvent) -> str:
    """The text of an event without calling back into what is logged more than Twisted does."""
    return formatEvent(event)


class _FromLogging(logging.Handler):
    """Hands on what libraries log with the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log `record` as "library"."""
        structlog.get_logger().log(
            record.levelno,
            "library",
            source=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info or None,
        )
