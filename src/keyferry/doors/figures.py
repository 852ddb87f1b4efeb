"""What a monitor reads: the figures of this process and of the store, as OpenMetrics.

Each name begins with `keyferry_`, but those of the process itself. Nothing in them names a person, a group or a key.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from keyferry import __version__
from keyferry.custody.key_metrics import KeyMetrics

MEDIA_TYPE: Final = CONTENT_TYPE_LATEST

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
#: a path that no route has; its own text could be anything, and as many as somebody likes to send
_NO_ROUTE: Final = "none"
_METHODS: Final = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"})


class Figures:
    """The counters of one process, and how to write them down together with the store's."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        labels = ("method", "route", "status")
        self._requests = Counter("keyferry_requests", "Requests answered.", labels, registry=self._registry)
        self._seconds = Histogram(
            "keyferry_request_seconds",
            "Time from a request's first byte to the end of its answer.",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._children: dict[tuple[str, str, int], Callable[[float], None]] = {}

    def note(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """A request was answered. `route`: the path's template, such as `/api/v1/keys/{reference}`."""
        key = (method if method in _METHODS else "other", route or _NO_ROUTE, status)
        observe = self._children.get(key)
        if observe is None:
            observe = self._children[key] = self._child(*key)
        observe(seconds)

    def write(self, keys: KeyMetrics, *, ready: bool) -> bytes:
        """Everything, in the text form of OpenMetrics 1.0."""
        text: bytes = generate_latest(_Together(self._registry, keys, ready=ready))  # type: ignore[no-untyped-call]  # the library says no types here
        return text

    def _child(self, method: str, route: str, status: int) -> Callable[[float], None]:
        requests, took = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)

        def observe(seconds: float) -> None:
            requests.inc()
            took.observe(seconds)

        return observe


class _Together(Collector):
    """The registry's figures and the store's, of one moment."""

    def __init__(self, registry: CollectorRegistry, keys: KeyMetrics, *, ready: bool) -> None:
        self._registry = registry
        self._keys = keys
        self._ready = ready

    def collect(self) -> Iterable[Metric]:
        yield from self._registry.collect()
        yield from _of_the_store(self._keys)
        yield InfoMetricFamily("keyferry_build", "The release that serves.", {"version": __version__})
        yield GaugeMetricFamily("keyferry_ready", "Whether requests can be served: 1 or 0.", float(self._ready))


def _of_the_store(keys: KeyMetrics) -> Iterator[Metric]:
    kinds = GaugeMetricFamily("keyferry_keys", "Keys, by the type and the state.", labels=("type", "state"))
    for (algorithm, state), number in keys.by_kind.items():
        kinds.add_metric((algorithm, state), number)
    yield kinds
    pending = "Keys of which a version is to be destroyed, and can still be kept."
    yield GaugeMetricFamily("keyferry_keys_pending_destruction", pending, keys.pending_destruction)
    expiring = GaugeMetricFamily(
        "keyferry_keys_expiring", "Keys that stop protecting within so many days.", labels=("within_days",)
    )
    for days, number in keys.expiring.items():
        expiring.add_metric((str(days),), number)
    yield expiring
    done = CounterMetricFamily(
        "keyferry_key_operations", "What was done with keys since the store was made.", labels=("operation",)
    )
    for operation, times in keys.operations.items():
        done.add_metric((operation,), times)
    yield done
    yield CounterMetricFamily("keyferry_audit_events", "Audit events that are numbered.", keys.events)
