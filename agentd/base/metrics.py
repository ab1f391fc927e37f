"""What the daemon counts, in Prometheus terms.

One object that `daemon.py` builds and hands to those who count; no global registry. Values that
objects keep anyway are read when somebody asks. It does not serve HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# From half a millisecond, the aim for input, to the longest deadline of a command.
_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The daemon's metrics."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "agentd_calls",
            "Commands run, by name and outcome code",
            ["command", "code"],
            registry=self._registry,
        )
        self._call_seconds = Histogram(
            "agentd_call_seconds",
            "How long commands took",
            ["command"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def count_call(self, command: str, code: str, duration_s: float) -> None:
        """Count one command; `code` is `ok` or the error's code."""
        self._calls.labels(command, code).inc()
        self._call_seconds.labels(command).observe(duration_s)

    def add_gauges(
        self, name: str, help_text: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Publish values that are read at each scrape: one gauge per key of the mapping."""
        self._registry.register(_Gauges(f"agentd_{name}", help_text, label, read))

    def exposition(self) -> bytes:
        """Return all metrics in the text format."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(
        self, name: str, help_text: str, label: str, read: Callable[[], Mapping[str, float]]
    ) -> None:
        self._name, self._help, self._label, self._read = name, help_text, label, read

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily(self._name, self._help, labels=[self._label])
        for key, value in self._read().items():
            family.add_metric([key], value)
        yield family
