"""Settings: defaults without a file, the user's own words, and errors with place and remedy."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from vigie.settings import Settings, SettingsError, load
from vigie.settings.model import Limits

NOTHING: dict[str, str] = {}


def written(folder: Path, text: str) -> Path:
    path = folder / "vigie.yml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def errors(folder: Path, text: str, environ: dict[str, str] = NOTHING) -> str:
    with pytest.raises(SettingsError) as raised:
        load(written(folder, text), environ)
    return str(raised.value)


def test_without_a_file_the_coaching_application_is_watched(tmp_path: Path) -> None:
    settings = load(environ=NOTHING, start=tmp_path)
    assert settings.path is None
    assert {name: service.url for name, service in settings.services.items()} == {
        "django": "http://localhost:8002",
        "fastapi": "http://localhost:8000",
        "streamlit": "http://localhost:8501",
    }
    assert settings.services["django"].metrics_path == "/metrics/"
    assert settings.bind == "127.0.0.1"
    assert settings.ports.prometheus == 9090
    assert settings.scrape_interval == timedelta(seconds=15)
    assert settings.thresholds["openai_daily_cost"] == Limits(50.0, 100.0)


def test_the_whole_example_of_the_design_is_read(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            """
            services:
              django:    {kind: django,    url: "http://localhost:8002"}
              fastapi:   {kind: fastapi,   url: "http://localhost:8000"}
              streamlit: {kind: streamlit, url: "http://localhost:8501"}
            thresholds:
              django_response_time: {warning: ">250ms", critical: ">2s"}
              openai_daily_cost:    {warning: ">5,50€",  critical: ">100€"}
            time_zone: Europe/Paris
            currency: {code: EUR, per_usd: 0.92, checked: 2026-11-01}
            notify:
              webhook: {url: "http://localhost:3300/alerts"}
              slack: {webhook_url_file: secrets/slack}
              email: {to: team@example.org, smtp: "localhost:25"}
            retention: {logs: 7d, metrics: 15d, traces: 3d, max_bytes: 10GB}
            """,
        ),
        NOTHING,
    )
    assert settings.thresholds["django_response_time"] == Limits(0.25, 2.0)
    assert settings.thresholds["openai_daily_cost"] == Limits(5.5, 100.0)
    assert settings.thresholds["service_uptime"] == Limits(0.99, 0.95)
    assert settings.currency.per_usd == Decimal("0.92")
    assert settings.currency.checked == date(2026, 11, 1)
    assert settings.notify.slack is not None
    assert settings.notify.slack.webhook_url_file == tmp_path / "secrets/slack"
    assert settings.retention.max_bytes == 10_000_000_000


def test_thresholds_are_read_as_the_user_first_wrote_them_unquoted(tmp_path: Path) -> None:
    settings = load(
        written(
            tmp_path,
            """
            thresholds:
              django_response_time:
                warning: >500ms
                critical: >1s

              fastapi_openai_latency:
                warning: >3s
                critical: >10s
              service_uptime:
                warning: <99%
                critical: <95%
              database_connections:
                warning: >80% pool
                critical: >95% pool
              openai_daily_cost:
                warning: >50€
                critical: >100€
              openai_token_rate:
                warning: >1000/min
                critical: >2000/min
              auth_failure_rate:
                warning: >10/min    # a comment
                critical: >50/min
            """,
        ),
        NOTHING,
    )
    assert settings.thresholds == load(environ=NOTHING, start=tmp_path.parent).thresholds


def test_a_file_is_found_in_a_folder_above(tmp_path: Path) -> None:
    below = tmp_path / "deployment" / "monitoring"
    below.mkdir(parents=True)
    path = written(tmp_path, "time_zone: Europe/Lisbon")
    settings = load(environ=NOTHING, start=below)
    assert settings.path == path
    assert settings.time_zone.key == "Europe/Lisbon"


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "# nothing yet\n"), NOTHING).ports.console == 3300


def test_a_variable_wins_over_the_file_and_leaves_its_neighbours(tmp_path: Path) -> None:
    path = written(tmp_path, "ports: {prometheus: 9091, grafana: 3001}")
    environ = {
        "VIGIE_PORTS__PROMETHEUS": "19090",
        "VIGIE_SERVICES__DJANGO__URL": "http://localhost:18002/",
        "VIGIE_THRESHOLDS__OPENAI_DAILY_COST__WARNING": ">7€",
    }
    aside = {"VIGIE_STATE": "/somewhere", "VIGIE_SERVICE": "fastapi", "HOME": "/home/x"}
    settings = load(path, environ | aside)
    assert settings.variables == environ
    assert (settings.ports.prometheus, settings.ports.grafana) == (19090, 3001)
    assert settings.services["django"].url == "http://localhost:18002"
    assert settings.services["fastapi"].port == 8000
    assert settings.thresholds["openai_daily_cost"] == Limits(7.0, 100.0)


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    settings = load(environ=NOTHING, start=tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.ports.prometheus = 1  # type: ignore[misc]


def test_every_problem_of_a_file_is_reported_at_once_from_top_to_bottom(tmp_path: Path) -> None:
    text = """\
        services:
          django:    {kind: djano, url: "localhost:8002"}
          worker:    {url: "http://localhost:7000"}
        thresholds:
          django_response_time: {warning: ">500", critical: ">1s"}
          openai_daily_cost: {warning: ">50$", critical: ">100€"}
          service_uptime: {warning: ">99%"}
          database_connections: {warning: ">80%", critical: ">70%"}
          django_respons_time: {warning: ">500ms"}
          openai_token_rate: {warning: ">1000/min", level: 3}
          auth_failure_rate: 5
        time_zone: Mars
        currency: {code: euro, per_usd: -1, checked: yesterday}
        notify:
          slack: {webhook: x}
          email: {to: a, smtp: b}
        retention: {logs: 7, max_bytes: lots}
        ports: {prometheus: 99999, alertmanger: 1}
        bind: localhost
        retentoin: 1
        """
    environ = {"VIGIE_PORTS__GRAFANA": "abc", "VIGIE_TIMEZONE": "x", "VIGIE_FOO__BAR": "1"}
    assert errors(tmp_path, text, environ).splitlines() == [
        "vigie.yml:2: services.django.kind is \"djano\": write 'django', 'fastapi' or 'streamlit',"
        " e.g. fastapi",
        'vigie.yml:2: services.django.url is "localhost:8002": write an address such as'
        " http://localhost:8002",
        "vigie.yml:3: services.worker.kind is missing: write it, e.g. fastapi",
        'vigie.yml:5: thresholds.django_response_time.warning is ">500": write a duration with its'
        ' unit, e.g. ">500ms"',
        'vigie.yml:6: thresholds.openai_daily_cost.warning is ">50$": write an amount with its'
        ' currency, e.g. ">50€"',
        'vigie.yml:7: thresholds.service_uptime.warning is ">99%": this signal is bad below its'
        ' limit: write "<99%"',
        'vigie.yml:8: thresholds.database_connections: critical is ">70%": write one above warning,'
        ' ">80%"',
        "vigie.yml:9: thresholds.django_respons_time is not a signal: did you mean"
        ' "django_response_time"?',
        "vigie.yml:10: thresholds.openai_token_rate.level is not a level: write one of critical,"
        " warning",
        "vigie.yml:11: thresholds.auth_failure_rate is 5: write its limits, e.g."
        ' {warning: ">10/min", critical: ">50/min"}',
        'vigie.yml:12: time_zone is "Mars": write a zone of the IANA database, e.g. Europe/Paris',
        'vigie.yml:13: currency.code is "euro": write it in its usual form, e.g. EUR',
        "vigie.yml:13: currency.per_usd is -1: write a number above 0, e.g. 0.92",
        'vigie.yml:13: currency.checked is "yesterday": write a date as year-month-day, e.g.'
        " 2026-11-01",
        "vigie.yml:15: notify.slack.webhook_url_file is missing: write it",
        'vigie.yml:15: notify.slack.webhook is not a setting: did you mean "webhook_url_file"?',
        'vigie.yml:16: notify.email.to is "a": write a mail address, e.g. team@example.org',
        'vigie.yml:16: notify.email.smtp is "b": write it in its usual form, e.g.'
        " smtp.example.org:587",
        "vigie.yml:17: retention.logs is 7: write a duration with its unit, e.g. 15s, 10m, 12h or"
        " 7d",
        'vigie.yml:17: retention.max_bytes is "lots": write a size with its unit, e.g. 500MB or'
        " 10GB",
        "vigie.yml:18: ports.prometheus is 99999: write a number up to 65535",
        'vigie.yml:18: ports.alertmanger is not a setting: did you mean "alertmanager"?',
        'vigie.yml:19: bind is "localhost": write an IP address, e.g. 127.0.0.1',
        'vigie.yml:20: retentoin is not a setting: did you mean "retention"?',
        "VIGIE_FOO__BAR: foo.bar is not a setting: write one of aliases, binaries, bind,"
        " currency, language, ledger, links, notify, ports, prices, retention, scrape_interval,"
        " services, thresholds, time_zone",
        'VIGIE_TIMEZONE: timezone is not a setting: did you mean "time_zone"?',
        'VIGIE_PORTS__GRAFANA: ports.grafana is "abc": write a whole number',
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "time_zone: UTC\ntime_zone: Europe/Paris\n",
            "vigie.yml:2: time_zone stands twice, first at vigie.yml:1: keep one",
        ),
        (
            "ports: {prometheus: 3000}\n",
            "vigie.yml:1: ports.prometheus and ports.grafana are both 3000: give each its own port",
        ),
        (
            "- a\n- b\n",
            "vigie.yml:1: the file is a list: write settings, e.g. time_zone: Europe/Paris",
        ),
        (
            "time_zone: UTC\nports: {prometheus: 9091\n",
            "vigie.yml:3: the file is not YAML: expected ',' or '}', but got '<stream end>':"
            " write key: value, text in quotation marks",
        ),
        (
            "thresholds: many\n",
            'vigie.yml:1: thresholds is "many": write signals with their limits, e.g.'
            ' openai_daily_cost: {warning: ">50€"}',
        ),
        (
            'thresholds: {container_restarts: {critical: ">5%"}}\n',
            'vigie.yml:1: thresholds.container_restarts.critical is ">5%": write a number,'
            ' e.g. ">2"',
        ),
        (
            "thresholds: {service_down: now}\n",
            'vigie.yml:1: thresholds.service_down is "now": write its limits, e.g.'
            ' {critical: "<1"}',
        ),
        (
            'thresholds: {openai_projected_cost: {critical: ">90%"}}\n',
            'vigie.yml:1: thresholds.openai_projected_cost: critical is ">90%": write one above'
            ' warning, ">100%"',
        ),
        (
            'links: {runbooks: "wiki"}\n',
            'vigie.yml:1: links.runbooks is "wiki": write an address such as http://localhost:8002',
        ),
        ("services: [django]\n", "vigie.yml:1: services is a list: write a mapping of settings"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_with_its_remedy(
    tmp_path: Path, text: str, message: str
) -> None:
    assert errors(tmp_path, text) == message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "other.yml"
    with pytest.raises(SettingsError) as raised:
        load(missing, NOTHING)
    assert str(raised.value) == f"{missing}: cannot be read: No such file or directory"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vigie.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError) as raised:
        load(path, NOTHING)
    assert str(raised.value) == f"{path}: cannot be read: it is not UTF-8 text"


def test_listening_everywhere_is_reached_over_loopback(tmp_path: Path) -> None:
    settings: Settings = load(written(tmp_path, 'bind: "0.0.0.0"'), NOTHING)
    assert (settings.bind, settings.here) == ("0.0.0.0", "127.0.0.1")
