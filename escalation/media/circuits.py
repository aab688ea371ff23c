"""Circuit breakers: what has failed again and again is left alone for a while, and does not hold up the rest.

State is kept per process. Each finds out for itself at the price of a few failures; sharing it would make whether a push
goes out hang on Redis, and one dispatcher's broken network would silence the others.
"""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitBreakerState,
)

from core.log import get_logger
from escalation.media.medium import MediumUnavailable, Rejected

log = get_logger("deliveries")


class PutOff(Exception):
    """Not tried at all: to be taken up again after `seconds`. The message says why, in Chinese."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Circuits:
    """One circuit breaker for each name. For one event loop."""

    def __init__(self, failures: int = 5, rest_seconds: float = 60) -> None:
        """`failures` in a row open a circuit; after `rest_seconds` one is let through to try, and closes or reopens it."""
        self.failures = failures
        self.rest_seconds = rest_seconds
        self._breakers: dict[str, CircuitBreaker] = {}
        self._reasons: dict[str, str] = {}
        self._on_trial: set[str] = set()

    @contextmanager
    def through(self, name: str) -> Iterator[None]:
        """Around one sending. Raises PutOff when the circuit is open, else whatever the sending raises."""
        if name in self._on_trial:
            raise self._put_off(name)
        breaker = self._breakers.setdefault(name, self._new_breaker(name))
        try:
            # `calling` and not `call`: the latter holds the breaker's lock while sending, one at a time.
            with breaker.calling():
                trial = breaker.current_state == STATE_HALF_OPEN
                if trial:
                    self._on_trial.add(name)
                try:
                    yield
                except Exception as error:
                    self._reasons[name] = str(error)
                    raise
                finally:
                    if trial:
                        self._on_trial.discard(name)
        except CircuitBreakerError:
            raise self._put_off(name) from None
        except MediumUnavailable as error:
            if breaker.current_state != STATE_OPEN:
                breaker.open()
            raise PutOff(str(error), self._rest()) from error

    def _new_breaker(self, name: str) -> CircuitBreaker:
        return CircuitBreaker(
            self.failures,
            self.rest_seconds,
            # Who answers at all is in good health, whatever they say of one notice; being told to stop is no failure.
            exclude=[Rejected, asyncio.CancelledError],
            listeners=[_Told(self._reasons)],
            name=name,
            throw_new_error_on_trip=False,
        )

    def _put_off(self, name: str) -> PutOff:
        return PutOff(f"暂停发送：{self._reasons.get(name) or '对方连续出错'}", self._rest())

    def _rest(self) -> float:
        """Until the circuit lets one through again, and spread out so that not all come back at once."""
        return self.rest_seconds * random.uniform(1, 2)  # noqa: S311 (no secret)


class _Told(CircuitBreakerListener):
    """Writes into the log when a circuit opens and when it is closed again."""

    def __init__(self, reasons: dict[str, str]) -> None:
        self._reasons = reasons

    def state_change(
        self, cb: CircuitBreaker, old_state: CircuitBreakerState | None, new_state: CircuitBreakerState
    ) -> None:
        before = old_state.name if old_state else STATE_CLOSED
        if before == STATE_CLOSED and new_state.name == STATE_OPEN:
            log.warning("连续发送失败，暂停一段时间", to=cb.name, error=self._reasons.get(cb.name or "", ""))
        elif before != STATE_CLOSED and new_state.name == STATE_CLOSED:
            log.info("恢复发送", to=cb.name)
