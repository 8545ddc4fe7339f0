"""A world for each way in which a signal comes about, with the series as they are exposed.

Names are spelled out here, once more than in the catalogue: what is scraped is not ours to rename.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alert_worlds import (
    BurstWorld,
    GaugeWorld,
    Labels,
    Named,
    QuantileWorld,
    RateWorld,
    ShareWorld,
    World,
)
from single_worlds import BlindWorld, ContainersWorld, RetentionWorld, ServicesWorld, UptimeWorld
from vigie.catalogue import django, openai, streamlit

_5_MINUTES = 300
_15_MINUTES = 900
_HOUR = 3600
_DAY = 86400.0

_LEDGER = {"service": "costs"}


@dataclass(frozen=True)
class Target:
    """What tells that a service must have data, and a series that is there then.

    The first is above 0 then; `labels` are its own, besides the service. Without `evidence` it is
    the signal's own series. `missing` is what the series of the evidence are while it is not there;
    once it is, each of them is 0.
    """

    labels: Labels
    evidence: str | None = None
    told_by: str = "up"
    missing: tuple[tuple[Labels, float | None], ...] = (({}, None),)


TARGETS = {
    "django_response_time": Target({"framework": "django"}, "django_requests_in_progress"),
    "http_error_rate": Target({"framework": "fastapi"}, "fastapi_requests_in_progress"),
    "streamlit_page_load": Target({"framework": "streamlit"}, "streamlit_active_sessions"),
    "auth_failure_rate": Target({"framework": "django"}),
    "openai_daily_cost": Target(_LEDGER, told_by="vigie_ledger_read_errors_total"),
    "memory_available": Target({"service": "node"}),
    "disk_space": Target({"service": "node"}),
    "retention_not_applied": Target(
        {"service": "console"},
        "vigie_oldest_record_failed_looks",
        missing=(({"kind": "logs"}, 0.0), ({"kind": "traces"}, 1.0)),
    ),
}
"""How the signals whose data must not be missing are known to miss them."""


def worlds() -> list[World]:
    """Every world, in no order that matters."""
    subjects = (
        *(_requests, _services, _ai, _money, _security),
        *(_databases, _machine, _telemetry, _engines),
    )
    return [world for subject in subjects for world in subject()]


def _requests() -> Sequence[World]:
    return (
        QuantileWorld(
            "django_response_time",
            "django",
            window=_5_MINUTES,
            per_scrape=100,
            histogram="django_request_duration_seconds",
            bounds=django.HTTP.duration.buckets,
            fast={"method": "GET", "endpoint": "/fast"},
            slow={"method": "GET", "endpoint": "/slow"},
        ),
        QuantileWorld(
            "streamlit_page_load",
            "streamlit",
            window=_5_MINUTES,
            per_scrape=50,
            histogram="streamlit_page_load_seconds",
            bounds=streamlit.PAGE_LOAD.buckets,
            fast={"page": "chat"},
            slow={"page": "plans"},
        ),
        _http("django"),
        _http("fastapi"),
        ShareWorld(
            "interservice_timeouts",
            "streamlit",
            window=_5_MINUTES,
            per_scrape=80,
            labels={"target": "django"},
            bad=(_call("streamlit", "django", "timeout"), _call("worker", "django", "timeout")),
            good=(_call("streamlit", "django", "ok"), _call("worker", "django", "refused")),
            decoys=(_call("streamlit", "fastapi", "ok"),),
        ),
    )


def _http(framework: str) -> World:
    def requests(endpoint: str, status: str) -> Named:
        labels = {"method": "GET", "endpoint": endpoint, "status": status}
        return f"{framework}_requests_total", labels

    return ShareWorld(
        "http_error_rate",
        framework,
        window=_5_MINUTES,
        per_scrape=200,
        bad=(requests("/plan", "500"), requests("/chat", "503")),
        good=(requests("/plan", "200"), requests("/login", "404")),
    )


def _call(source: str, target: str, status: str) -> Named:
    labels = {"source": source, "target": target, "status": status}
    return "interservice_requests_total", labels


def _services() -> Sequence[World]:
    return (
        UptimeWorld("service_uptime", "django", scrape=30, window=_HOUR),
        ServicesWorld("service_down", "django"),
    )


def _ai() -> Sequence[World]:
    def calls(model: str, status: str) -> Named:
        return "openai_requests_total", {"model": model, "operation": "chat", "status": status}

    return (
        QuantileWorld(
            "fastapi_openai_latency",
            "fastapi",
            window=_5_MINUTES,
            per_scrape=50,
            histogram="openai_request_duration_seconds",
            bounds=openai.REQUEST_DURATION.buckets,
            fast={"model": "gpt-3.5-turbo", "operation": "chat"},
            slow={"model": "gpt-4", "operation": "chat"},
        ),
        ShareWorld(
            "openai_error_rate",
            "fastapi",
            window=_5_MINUTES,
            per_scrape=80,
            bad=(calls("gpt-4", "server_error"), calls("gpt-3.5-turbo", "rate_limited")),
            good=(calls("gpt-4", "ok"),),
            decoys=(calls("gpt-4", "cancelled"),),
        ),
        RateWorld(
            "openai_token_rate",
            "fastapi",
            window=_5_MINUTES,
            counter="openai_tokens_total",
            shares=(
                ({"model": "gpt-4", "type": "input"}, 0.75),
                ({"model": "gpt-4", "type": "output"}, 0.25),
            ),
            decoys=(
                {"model": "gpt-4", "type": "cached_input"},
                {"model": "gpt-4", "type": "reasoning"},
            ),
        ),
    )


def _money() -> Sequence[World]:
    today, projected, budget = (
        f"openai_{what}" for what in ("cost_today", "cost_projected_today", "budget")
    )
    return (
        GaugeWorld(
            "openai_daily_cost",
            "openai",
            labels={"currency": "EUR"},
            scaled=(
                (today, {**_LEDGER, "currency": "EUR", "source": "computed"}, 0.75),
                (today, {**_LEDGER, "currency": "EUR", "source": "estimated"}, 0.25),
            ),
            # From before the currency was changed.
            fixed=((today, {**_LEDGER, "currency": "JPY", "source": "computed"}, 9000.0),),
            elsewhere=False,
        ),
        GaugeWorld(
            "openai_projected_cost",
            "openai",
            scaled=(
                (projected, {**_LEDGER, "quantile": "0.5"}, 64.0),
                (projected, {**_LEDGER, "quantile": "0.5", "instance": "late"}, 32.0),
                (projected, {**_LEDGER, "quantile": "0.9"}, 640.0),
            ),
            fixed=(
                (budget, {**_LEDGER, "level": "critical"}, 64.0),
                (budget, {**_LEDGER, "level": "critical", "instance": "late"}, 16.0),
                (budget, {**_LEDGER, "level": "warning"}, 128.0),
            ),
            divisor=budget,
            elsewhere=False,
        ),
        *(
            BlindWorld(
                "openai_cost_blind",
                "fastapi",
                scrape=150,
                window=_HOUR,
                per_scrape=80,
                labels={"because": because},
                because=because,
            )
            for because in ("unpriced", "estimated")
        ),
    )


def _security() -> Sequence[World]:
    return (
        RateWorld(
            "auth_failure_rate",
            "django",
            window=_5_MINUTES,
            counter="django_auth_failures_total",
            shares=(({"reason": "bad_credentials"}, 0.75), ({"reason": "expired_token"}, 0.25)),
        ),
        _burst(
            "security_events",
            "django",
            _15_MINUTES,
            "security_events_total",
            ({"pattern": "brute_force", "instance": "a"}, {"pattern": "brute_force"}),
            labels={"pattern": "brute_force"},
        ),
    )


def _databases() -> Sequence[World]:
    active, most = "django_db_connections_active", "django_db_connections_max"
    server_active, server_most = "database_connections_active", "database_connections_max"
    server = {"engine": "postgresql", "database": "coaching"}
    return (
        GaugeWorld(
            "database_connections",
            "django",
            labels={"database": "default"},
            scaled=((active, {"alias": "default", "instance": "a"}, 64.0),),
            fixed=(
                (most, {"alias": "default", "instance": "a"}, 64.0),
                (active, {"alias": "default", "instance": "b"}, 0.0),
                (most, {"alias": "default", "instance": "b"}, 64.0),
                # One whose limit is not known.
                (active, {"alias": "other"}, 5.0),
                (most, {"alias": "other"}, 0.0),
            ),
        ),
        GaugeWorld(
            "database_connections",
            "postgresql",
            labels={"database": "coaching"},
            scaled=((server_active, server, 64.0),),
            fixed=(
                (server_most, server, 64.0),
                (server_active, {**server, "database": "other"}, 5.0),
                (server_most, {**server, "database": "other"}, 0.0),
            ),
        ),
        _burst(
            "database_deadlocks",
            "django",
            _15_MINUTES,
            "django_db_errors_total",
            ({"alias": "default", "kind": "deadlock"}, {"alias": "other", "kind": "deadlock"}),
            decoys=({"alias": "default", "kind": "timeout"},),
        ),
        _burst(
            "database_deadlocks",
            "postgresql",
            _15_MINUTES,
            "database_deadlocks_total",
            (server, {**server, "database": "other"}),
        ),
    )


def _machine() -> Sequence[World]:
    available, whole = "node_memory_MemAvailable_bytes", "node_memory_MemTotal_bytes"
    return (
        GaugeWorld(
            "memory_available",
            "node",
            scaled=((available, {"instance": "a"}, 2.0**34),),
            fixed=(
                (whole, {"instance": "a"}, 2.0**34),
                (available, {"instance": "b"}, 2.0**34),
                (whole, {"instance": "b"}, 2.0**34),
            ),
        ),
        _filesystem("ext4"),
        _filesystem("overlay"),
        _burst(
            "container_restarts",
            "containers",
            _15_MINUTES,
            "container_restarts_total",
            ({"name": "django", "instance": "a"}, {"name": "django", "instance": "b"}),
            labels={"name": "django"},
        ),
        ContainersWorld("containers_without_names", "cadvisor"),
    )


def _filesystem(kind: str) -> World:
    def disk(device: str, mountpoint: str, fstype: str) -> Labels:
        return {"device": device, "mountpoint": mountpoint, "fstype": fstype}

    here, there = disk("/dev/vda", "/", kind), disk("/dev/vda", "/srv", kind)
    tmpfs, ramfs = disk("tmpfs", "/run", "tmpfs"), disk("ramfs", "/secrets", "ramfs")
    snap = disk("/dev/loop0", "/snap", "squashfs")
    available, size, readonly = (
        f"node_filesystem_{what}" for what in ("avail_bytes", "size_bytes", "readonly")
    )
    return GaugeWorld(
        "disk_space",
        "node",
        labels={"device": "/dev/vda"},
        scaled=((available, here, 2.0**40),),
        fixed=(
            *((size, here, 2.0**40), (readonly, here, 0.0)),
            *((available, there, 2.0**30), (size, there, 2.0**30), (readonly, there, 0.0)),
            *((available, tmpfs, 0.0), (size, tmpfs, 2.0**20), (readonly, tmpfs, 0.0)),
            *((available, ramfs, 0.0), (size, ramfs, 2.0**20), (readonly, ramfs, 0.0)),
            *((available, snap, 0.0), (size, snap, 2.0**20), (readonly, snap, 1.0)),
        ),
    )


def _telemetry() -> Sequence[World]:
    return (
        _burst(
            "dropped_telemetry",
            "fastapi",
            _5_MINUTES,
            "vigie_dropped_records_total",
            ({"where": "logs"}, {"where": "spans"}),
        ),
        _burst(
            "dropped_telemetry",
            "alloy",
            _5_MINUTES,
            "loki_write_dropped_entries_total",
            ({"reason": "rate_limited"}, {"reason": "line_too_long"}),
        ),
        RetentionWorld(
            "retention_not_applied",
            "console",
            scrape=60,
            labels={"kind": "logs"},
            metric="vigie_oldest_record_timestamp_seconds",
            metric_labels={"kind": "logs"},
            retention=7 * _DAY,
        ),
        RetentionWorld(
            "retention_not_applied",
            "prometheus",
            scrape=60,
            labels={"kind": "metrics"},
            metric="prometheus_tsdb_lowest_timestamp_seconds",
            retention=15 * _DAY,
            missed=False,
        ),
    )


def _engines() -> Sequence[World]:
    groups = ({"rule_group": "a"}, {"rule_group": "b"})
    refused = {
        "duplicate": "sample_duplicate_timestamp",
        "out_of_bounds": "sample_out_of_bounds",
        "out_of_order": "sample_out_of_order",
        "too_many": "exceeded_sample_limit",
    }
    return (
        _burst(
            "prometheus_rule_failures",
            "prometheus",
            _5_MINUTES,
            "prometheus_rule_evaluation_failures_total",
            groups,
            labels={"failure": "failed"},
        ),
        _burst(
            "prometheus_rule_failures",
            "prometheus",
            _5_MINUTES,
            "prometheus_rule_group_iterations_missed_total",
            groups,
            labels={"failure": "missed"},
        ),
        *(
            _burst(
                "prometheus_scrape_failures",
                "prometheus",
                _5_MINUTES,
                f"prometheus_target_scrapes_{counter}_total",
                ({"instance": "a"}, {"instance": "b"}),
                labels={"failure": failure},
                appears=False,
            )
            for failure, counter in refused.items()
        ),
        _burst(
            "notification_failures",
            "alertmanager",
            _5_MINUTES,
            "alertmanager_notifications_failed_total",
            ({"integration": "slack", "instance": "a"}, {"integration": "slack"}),
            labels={"integration": "slack"},
        ),
        _burst(
            "notification_failures",
            "prometheus",
            _5_MINUTES,
            "prometheus_notifications_errors_total",
            ({"alertmanager": "http://a/api/v2"}, {"alertmanager": "http://b/api/v2"}),
            labels={"integration": "alertmanager"},
        ),
    )


def _burst(
    name: str,
    service: str,
    window: int,
    counter: str,
    series: tuple[Labels, Labels],
    *,
    labels: Mapping[str, str] | None = None,
    decoys: tuple[Labels, ...] = (),
    appears: bool = True,
) -> World:
    return BurstWorld(
        name,
        service,
        scrape=15 if window < _15_MINUTES else 30,
        window=window,
        labels=dict(labels or {}),
        counter=counter,
        series=series,
        decoys=decoys,
        appears=appears,
    )
