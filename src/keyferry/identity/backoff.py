"""How long a sign-in must wait after failures: arithmetic alone. Where failures are kept is custody's business.

Failures are counted twice, and each count delays on its own:

- per source network (`networks.source_network`): from the 5th failure 1 s, doubling to 15 min;
- per user: from the 5th failure 1 s, doubling to 30 s and no more. It slows guessing from many networks at once. It is
  not held against a network from which this user has signed in before, so that a flood of failures under an
  Administrator's name from elsewhere does not keep that Administrator out of where they work.

So a user, the last Administrator too, is delayed and not locked out: the user's count asks for 30 s at most, and the
count that asks for more belongs to a network and falls by itself. What remains: from a network that is new to the user,
while a flood goes on, whoever comes first after each wait gets the attempt.

A failure is forgiven every 10 minutes that pass without one. An attempt that is turned away early is not counted, or
the wait would never end. A success clears the user's count and leaves the network's, or an attacker with one account of
their own could clear it between guesses.

Times are integer microseconds UTC (`keyferry.clock`), waits are whole seconds.
"""

from dataclasses import dataclass

from keyferry.clock import SECOND, Microseconds


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed sign-ins of one user, or from one network.

    Attributes:
        count: failures not yet forgiven at the time of the last one.
        last: when the last one was.
    """

    count: int = 0
    last: Microseconds = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """How failures turn into a wait.

    Attributes:
        free: failures that cost no wait.
        longest: the most that one waits, in seconds.
        forgiven_every: seconds without a failure that take one off the count.
    """

    free: int
    longest: int
    forgiven_every: int


NONE = Failures()
PER_SOURCE = Limit(free=4, longest=15 * 60, forgiven_every=10 * 60)
PER_FACTOR = Limit(free=4, longest=15 * 60, forgiven_every=60 * 60)
"""For second factors of one user. Whoever tries one has the password already: nobody else can have the user wait."""
PER_USER = Limit(free=4, longest=30, forgiven_every=10 * 60)

_MOST_DOUBLINGS = 30


def after_failure(failures: Failures, limit: Limit, now: Microseconds) -> Failures:
    """The count with one more failure, at `now`."""
    return Failures(_standing(failures, limit, now) + 1, now)


def wait(failures: Failures, limit: Limit, now: Microseconds) -> int:
    """Seconds, rounded up, until the next attempt is taken; 0 when it is taken now. Never more than `limit.longest`."""
    over = failures.count - limit.free
    if over <= 0:
        return 0
    delay = min(limit.longest, 1 << min(over - 1, _MOST_DOUBLINGS))
    left = failures.last + delay * SECOND - now
    return min(delay, max(0, -(-left // SECOND)))  # at most the delay, also when the clock was set back


def sign_in_wait(user: Failures, source: Failures, now: Microseconds, *, source_is_known: bool) -> int:
    """Seconds until a sign-in of this user from this network is taken; 0 when it is taken now.

    Args:
        source_is_known: this user has signed in from this network before.
    """
    of_source = wait(source, PER_SOURCE, now)
    return of_source if source_is_known else max(of_source, wait(user, PER_USER, now))


def _standing(failures: Failures, limit: Limit, now: Microseconds) -> int:
    quiet_seconds = max(0, now - failures.last) // SECOND
    return max(0, failures.count - quiet_seconds // limit.forgiven_every)
