"""What the service counts and measures, for Prometheus: docs/reference/metrics.md explains each.

With several processes (PROMETHEUS_MULTIPROC_DIR, which `ikusei serve` sets for its own) every one
counts in files of its own, and whichever is asked answers for all.
"""

from __future__ import annotations

import asyncio
import os
import platform
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import psutil
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.logs import Trace
from store.db import NEWEST, Use
from store.due import Due

#: The library's own variable: it decides by it, when it is imported, where counts are kept.
DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
#: Names of operations come from clients: so many are told apart, the others are one.
MOST_NAMES: Final = 200
#: Seconds for which the database is not asked again, whoever scrapes how often.
KEPT: Final = 15.0

# When each series began is of no use to us, and would be half of the page.
disable_created_metrics()  # type: ignore[no-untyped-call]

_NONE: Final = "-"
_OTHER: Final = "other"
_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_DATABASE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_PID: Final = re.compile(r"_(\d+)\.db$")


class _Families:
    """Makes the families of metrics of one process."""

    def __init__(self, *, several: bool) -> None:
        # What is registered here in a process of several would be told twice.
        self.own = None if several else CollectorRegistry()

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """What only rises."""
        return Counter(name, text, labels, registry=self.own)

    def gauge(
        self,
        name: str,
        text: str,
        *labels: str,
        of: Literal["livesum", "liveall", "livemax"] = "livesum",
    ) -> Gauge:
        """What rises and falls; of several processes the sum, all that live, or the highest."""
        return Gauge(name, text, labels, multiprocess_mode=of, registry=self.own)

    def histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float]) -> Histogram:
        """How long things took."""
        return Histogram(name, text, labels, buckets=buckets, registry=self.own)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        shared = os.environ.get(DIRECTORY)
        self._directory = Path(shared) if shared else None
        make = _Families(several=self._directory is not None)
        self._count_clients(make)
        self._count_transactions(make)
        self._count_work(make)
        started = make.gauge(
            "ikusei_process_start_time_seconds",
            "When the process began to serve, in seconds since 1970.",
            of="liveall",
        )
        started.set(time.time())
        self._registry = make.own or CollectorRegistry()
        if self._directory is not None:
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]
        self._asked = _Asked(self._pids)
        self._registry.register(self._asked)

    def _count_clients(self, make: _Families) -> None:
        self._names: set[str] = set()
        self._requests = make.counter(
            "ikusei_requests", "Requests answered.", "operation", "kind", "outcome"
        )
        self._durations = make.histogram(
            "ikusei_request_duration_seconds",
            "Seconds from the headers of a request to the end of its answer.",
            "operation",
            "kind",
            buckets=_REQUEST_BUCKETS,
        )
        # Finding a metric by its labels costs the library as much as counting.
        self._of_request: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}
        self._connections = make.gauge(
            "ikusei_http_connections", "Connections of clients that are open."
        )
        self._streams = make.gauge(
            "ikusei_streams", "WebSocket and event stream connections that are open."
        )
        self._key_set = make.gauge(
            "ikusei_jwks_age_seconds",
            "Seconds since the site's key set was read, in the process that waits longest.",
            of="livemax",
        )
        self._cut = make.counter(
            "ikusei_http_connections_cut",
            "Connections of clients that were refused or cut off.",
            "reason",
        )

    def _count_transactions(self, make: _Families) -> None:
        durations = make.histogram(
            "ikusei_database_transaction_duration_seconds",
            "Seconds of transactions, with the wait for a connection.",
            "kind",
            buckets=_DATABASE_BUCKETS,
        )
        waited = make.counter(
            "ikusei_database_wait_seconds",
            "Seconds that transactions waited for a connection.",
            "kind",
        )
        self._of_transaction = {
            kind: (durations.labels(kind), waited.labels(kind)) for kind in ("read", "write")
        }
        self._failures = make.counter(
            "ikusei_database_failures", "Transactions that failed because of the database.", "kind"
        )
        self._pool = make.gauge(
            "ikusei_database_connections", "Connections to the database.", "state"
        )

    def _count_work(self, make: _Families) -> None:
        self._records = make.counter(
            "ikusei_records",
            "Records that arrived over GraphQL, and what they implied.",
            "kind",
            "outcome",
        )
        self._rounds = make.counter(
            "ikusei_due_work_rounds", "Looks for due work in this service.", "outcome"
        )
        self._members = make.counter(
            "ikusei_due_work_members",
            "Members whose standing due work has looked at, in this service.",
        )
        self._seconds = make.counter(
            "ikusei_due_work_seconds", "Seconds that due work took in this service."
        )

    def request(self, path: str, trace: Trace, seconds: float) -> None:
        """Count a request that was answered."""
        kind = trace.kind or (_NONE if path == "/graphql" else "http")
        operation = self._name(trace.operation) if trace.operation else _NONE
        key = operation, kind, trace.outcome
        found = self._of_request.get(key)
        if found is None:
            found = self._requests.labels(*key), self._durations.labels(operation, kind)
            self._of_request[key] = found
        found[0].inc()
        if kind != "subscription":
            # How long somebody followed says nothing of how fast we are.
            found[1].observe(seconds)

    def transaction(self, use: Use) -> None:
        """Count a transaction."""
        durations, waited = self._of_transaction[use.kind]
        durations.observe(use.seconds)
        waited.inc(use.waited)
        if use.failed:
            self._failures.labels(use.kind).inc()

    def recorded(self, kind: str, outcome: str, count: int) -> None:
        """Count records."""
        self._records.labels(kind, outcome).inc(count)

    def worked(self, outcome: str, members: int, seconds: float) -> None:
        """Count a look for due work."""
        self._rounds.labels(outcome).inc()
        self._members.inc(members)
        self._seconds.inc(seconds)

    def pool(self, in_use: int, idle: int) -> None:
        """Note how many connections to the database there are."""
        self._pool.labels("in_use").set(in_use)
        self._pool.labels("idle").set(idle)

    def key_set(self, age: float) -> None:
        """Note how many seconds ago the site's key set was read."""
        self._key_set.set(age)

    def connections(self, count: int) -> None:
        """Note how many connections of clients are open."""
        self._connections.set(count)

    def streams(self, count: int) -> None:
        """Note how many streams are open."""
        self._streams.set(count)

    def cut(self, reason: str) -> None:
        """Count a connection that was refused or cut off."""
        self._cut.labels(reason).inc()

    async def page(self, accept: str, ask: Callable[[], Awaitable[Due]]) -> tuple[bytes, str]:
        """The metrics in the form that ``accept`` asks for, and its content type.

        ``ask`` begins to find out what is due; it is called at most every 15 seconds.
        """
        await self._asked.refresh(ask)
        encode, content_type = choose_encoder(accept)
        # The files of several processes take a while to read.
        return await asyncio.to_thread(encode, self._registry), content_type

    def _name(self, operation: str) -> str:
        if operation not in self._names:
            if len(self._names) >= MOST_NAMES:
                return _OTHER
            self._names.add(operation)
        return operation

    def _pids(self) -> list[int]:
        """The processes that serve."""
        if self._directory is None:
            return [os.getpid()]
        found = (_PID.search(path.name) for path in self._directory.glob("gauge_liveall_*.db"))
        return sorted(int(match[1]) for match in found if match)


class _Asked(Collector):
    """What is not counted but asked for: due work, processes, and which build this is."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self._due: Due | None = None
        self._until = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def refresh(self, ask: Callable[[], Awaitable[Due]]) -> None:
        """Find out what is due, unless that was done just now; scrapes wait for the same answer."""
        if self._asking is None or (self._asking.done() and time.monotonic() >= self._until):
            self._asking = asyncio.create_task(self._ask(ask))
        await asyncio.shield(self._asking)

    async def _ask(self, ask: Callable[[], Awaitable[Due]]) -> None:
        try:
            self._due = await ask()
        except Exception:  # noqa: BLE001 - that the database is away is what is told
            self._due = None
        self._until = time.monotonic() + KEPT

    def collect(self) -> Iterator[Metric]:
        """What is known, as the library wants it."""
        yield _one("ikusei_database_up", "Whether the database answered last.", bool(self._due))
        if self._due is not None:
            yield from _due_metrics(self._due)
        yield from _process_metrics(self._pids())
        build = GaugeMetricFamily(
            "ikusei_build_info",
            "1; the labels say which build this is.",
            labels=("version", "migration", "python"),
        )
        build.add_metric((version("ikusei"), NEWEST, platform.python_version()), 1)
        yield build


def _due_metrics(due: Due) -> Iterator[Metric]:
    members = GaugeMetricFamily(
        "ikusei_due_members", "Members that are due, at most 100,000.", labels=("cause",)
    )
    for cause in ("marked", "review", "rules"):
        members.add_metric((cause,), getattr(due, cause))
    yield members
    yield _one("ikusei_due_oldest_mark_age_seconds", "Age of the oldest mark.", due.oldest_mark)
    yield _one("ikusei_due_lag_seconds", "How long the oldest due work has been due.", due.lag)
    if due.newest_action is not None:
        yield _one(
            "ikusei_newest_action_age_seconds",
            "How long ago the newest action happened.",
            due.newest_action,
        )


def _process_metrics(pids: list[int]) -> Iterator[Metric]:
    cpu = CounterMetricFamily(
        "ikusei_process_cpu_seconds", "Seconds of CPU of a process that serves.", labels=("pid",)
    )
    memory = GaugeMetricFamily(
        "ikusei_process_resident_memory_bytes", "Resident memory of it.", labels=("pid",)
    )
    files = GaugeMetricFamily("ikusei_process_open_fds", "Open files of it.", labels=("pid",))
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                cpu.add_metric((str(pid),), times.user + times.system)
                memory.add_metric((str(pid),), process.memory_info().rss)
                files.add_metric((str(pid),), process.num_fds())
        except psutil.Error:
            # It has ended since its file was found.
            continue
    yield from (cpu, memory, files)


def _one(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
