"""What can be set: one frozen section for each part of vigie.yml."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from email.utils import getaddresses
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    model_validator,
)

from vigie.settings.problems import Places
from vigie.settings.quantities import DAYS_OF_MONTH, duration, size_bytes
from vigie.settings.week import (
    DAYS,
    MINUTES_OF_DAY,
    days_of_week,
    minute_of_day,
    written_minute,
)

USD = "USD"
LEDGER_OFF = "off"
"""The ledger's URL where none is to be kept."""
RATE_DECIMALS = 6
"""Of a price for a million tokens: a single token's then has 12, and amounts stay exact."""

_SQLITE = "sqlite:///"


def _zone(value: object) -> ZoneInfo:
    try:
        return value if isinstance(value, ZoneInfo) else ZoneInfo(str(value))
    except (KeyError, ValueError, OSError):
        raise ValueError("write a zone of the IANA database, e.g. Europe/Paris") from None


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise ValueError("write an address such as http://localhost:8002")
    return value.rstrip("/")


def _address(value: str) -> str:
    try:
        return str(ip_address(value))
    except ValueError:
        raise ValueError("write an IP address, e.g. 127.0.0.1") from None


def _beside_the_file(value: Path, info: ValidationInfo) -> Path:
    folder: Path = (info.context or {}).get("folder", Path.cwd())
    return folder / value.expanduser()


def _off(value: object) -> object:
    return LEDGER_OFF if value is False else value  # what YAML makes of an unquoted off


def _ledger_url(value: str | None, info: ValidationInfo) -> str | None:
    if value is None or value == LEDGER_OFF:
        return value
    if value.startswith(_SQLITE) and value != _SQLITE:
        return _SQLITE + str(_beside_the_file(Path(value.removeprefix(_SQLITE)), info))
    if value.startswith(("postgresql://", "postgres://")) and urlsplit(value).hostname:
        return value
    raise ValueError(
        f"write sqlite:///FILE, postgresql://USER@HOST/DATABASE, or {LEDGER_OFF} to keep no ledger"
    )


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else duration(value)


def _mail_addresses(value: str) -> str:
    found = [address for _, address in getaddresses([value])]
    if not found or not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in found):
        raise ValueError("write a mail address, e.g. team@example.org")
    return value


def _mail_address(value: str) -> str:
    if len(getaddresses([_mail_addresses(value)])) > 1:
        raise ValueError("write one mail address, e.g. vigie@example.org")
    return value


def _days(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list | tuple) else [value]
    named = {day for text in given for day in days_of_week(text)}
    if not named:
        raise ValueError("name a day, or leave it out for every day")
    return tuple(day for day in DAYS if day in named)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A time span, written with its unit: 15s, 10m, 7d."""
Url = Annotated[str, AfterValidator(_url)]
"""An http or https address, without a slash at its end."""
File = Annotated[Path, AfterValidator(_beside_the_file)]
"""A file; a relative path starts at the folder of vigie.yml."""
Port = Annotated[int, Field(ge=1, le=65535)]
TimeOfDay = Annotated[int, BeforeValidator(minute_of_day)]
"""Minutes since midnight, written 22:00."""
MailAddresses = Annotated[
    str, AfterValidator(_mail_addresses), Field(examples=["team@example.org"])
]
"""One address of mail or several, separated by commas."""


class Section(BaseModel):
    """A part of vigie.yml: frozen, and without room for misspelt names."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Service(Section):
    """One watched service; `metrics_path` is where it is scraped."""

    kind: Annotated[Literal["django", "fastapi", "streamlit"], Field(examples=["fastapi"])]
    url: Annotated[Url, Field(examples=["http://localhost:8000"])]
    metrics_path: Annotated[str, Field(pattern="^/", examples=["/metrics"])]

    @property
    def host(self) -> str:
        """The host of the URL."""
        return urlsplit(self.url).hostname or "localhost"

    @property
    def port(self) -> int:
        """The port of the URL, or its scheme's own."""
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)


class Ports(Section):
    """Where each seat listens."""

    prometheus: Port = 9090
    alertmanager: Port = 9093
    node_exporter: Port = 9100
    logs: Port = 3100
    traces: Port = 3200
    otlp: Port = 4318
    otlp_grpc: Port = 4317
    console: Port = 3300
    grafana: Port = 3000
    simulator: Port = 8090
    costs: Port = 9400
    cadvisor: Port = 9180
    alloy: Port = 12345


class Binaries(Section):
    """Executables to use in place of those that Vigie finds."""

    prometheus: File | None = None
    alertmanager: File | None = None
    node_exporter: File | None = None


class Currency(Section):
    """The currency of all amounts: how many units one US dollar is, on the day it was checked."""

    code: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])] = "EUR"
    per_usd: Annotated[Decimal, Field(gt=0, examples=["0.92"])] = Decimal("0.92")
    checked: date = date(2026, 11, 1)

    @model_validator(mode="before")
    @classmethod
    def _a_dollar_is_a_dollar(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("code") == USD:
            return {"per_usd": Decimal(1), **given}
        return given


Rate = Annotated[Decimal | None, Field(ge=0, decimal_places=RATE_DECIMALS, examples=["0.80"])]
"""A price for a million tokens."""


class TokenRates(Section):
    """What a million tokens of each kind cost; a part costs what the whole does, if not given."""

    input: Rate = None
    cached_input: Rate = None
    cache_write: Rate = None
    input_audio: Rate = None
    output: Rate = None
    reasoning: Rate = None
    output_audio: Rate = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("write a price for one kind of token at least, e.g. {input: 0.80}")
        return self


class PriceRule(Section):
    """A price of one's own for a model, looked up on the day `checked`; `*` stands for anything."""

    model: Annotated[str, Field(min_length=1, examples=["our-model-*"])]
    per_million_tokens: Annotated[TokenRates, Field(examples=["{input: 0.80, output: 3.20}"])]
    checked: date
    service_tier: str = ""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])] = USD


class Ledger(Section):
    """Where priced calls are kept, and for how long.

    Without a URL, in the state folder. A URL with a password comes from a file. Users are hashed
    with the key in `user_key_file`, which machines that share a ledger share too.
    """

    url: Annotated[str | None, BeforeValidator(_off), AfterValidator(_ledger_url)] = None
    url_file: File | None = None
    retention: Duration = timedelta(days=13 * DAYS_OF_MONTH)
    user_key_file: File | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a signal, in the signal's own unit; None where it has no such limit."""

    warning: float | None
    critical: float | None


class Webhook(Section):
    """A receiver of Alertmanager's JSON; the token that it may ask for comes from a file."""

    url: Annotated[Url, Field(examples=["https://hooks.example.org/alerts"])]
    token_file: File | None = None


class Slack(Section):
    """A Slack channel, by the incoming webhook whose URL a file holds."""

    webhook_url_file: File
    channel: str | None = None


class Email(Section):
    """Mail through an SMTP server, `host:port`; its password comes from a file."""

    to: MailAddresses
    smtp: Annotated[str, Field(pattern=r"^[^\s:/]+:\d{1,5}$", examples=["smtp.example.org:587"])]
    sender: Annotated[str, AfterValidator(_mail_address)] | None = None
    username: str | None = None
    password_file: File | None = None
    require_tls: bool = True


class MuteTime(Section):
    """A time of the week at which people are not told of alerts up to `severity`.

    It is in the time zone that is set. One that ends before it starts runs past midnight; `days`
    are those on which it starts. Without times it is whole days, without days every day.
    """

    name: Annotated[str, Field(min_length=1, examples=["night"])]
    days: Annotated[tuple[str, ...], BeforeValidator(_days)] = DAYS
    start: Annotated[TimeOfDay, Field(alias="from")] = 0
    end: Annotated[TimeOfDay, Field(alias="to")] = MINUTES_OF_DAY
    severity: Literal["warning", "critical"] = "warning"

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == MINUTES_OF_DAY:
            raise ValueError("from is 24:00: write 00:00, and the day that follows")
        if self.start == self.end:
            both = written_minute(self.start)
            raise ValueError(f"from and to are both {both}: leave both out for the whole day")
        return self


class Notify(Section):
    """Who is told, and when not: each channel is on when it is given."""

    webhook: Webhook | None = None
    slack: Slack | None = None
    email: Email | None = None
    mute: tuple[MuteTime, ...] = ()


class Retention(Section):
    """How long things are kept, and at most how many bytes of logs and traces."""

    logs: Duration = timedelta(days=7)
    metrics: Duration = timedelta(days=15)
    traces: Duration = timedelta(days=3)
    max_bytes: Annotated[int | None, BeforeValidator(size_bytes)] = None


class Links(Section):
    """Where messages lead: addresses below which the runbooks and the dashboards are.

    Without them it is the console. A Grafana and an Alertmanager are named by their own addresses.
    """

    runbooks: Url | None = None
    dashboards: Url | None = None
    alertmanager: Url | None = None


class Settings(Section):
    """Everything that a user can set."""

    services: dict[str, Service]
    thresholds: dict[str, Limits]
    language: Literal["en", "fr"] = "en"
    time_zone: Annotated[ZoneInfo, BeforeValidator(_zone)] = ZoneInfo("Europe/Paris")
    currency: Currency = Currency()
    prices: tuple[PriceRule, ...] = ()
    aliases: dict[str, str] = {}
    ledger: Ledger = Ledger()
    notify: Notify = Notify()
    links: Links = Links()
    retention: Retention = Retention()
    scrape_interval: Duration = timedelta(seconds=15)
    bind: Annotated[str, AfterValidator(_address)] = "127.0.0.1"
    ports: Ports = Ports()
    binaries: Binaries = Binaries()

    _path: Path | None = PrivateAttr(default=None)
    _variables: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _places: Places = PrivateAttr(default_factory=Places)

    @property
    def path(self) -> Path | None:
        """The file that was read; None where there was none."""
        return self._path

    @property
    def variables(self) -> Mapping[str, str]:
        """The VIGIE_* variables that were laid over the file."""
        return self._variables

    @property
    def places(self) -> Places:
        """Where each setting was written."""
        return self._places

    @property
    def here(self) -> str:
        """The address at which this machine reaches what listens on `bind`."""
        listens_everywhere = ip_address(self.bind).is_unspecified
        return "127.0.0.1" if listens_everywhere else self.bind

    @model_validator(mode="after")
    def _each_port_once(self) -> Self:
        taken: dict[int, str] = {}
        seats = {f"ports.{name}": port for name, port in self.ports}
        local = {f"services.{name}.url": s.port for name, s in self.services.items() if _local(s)}
        for name, port in {**seats, **local}.items():
            if port in taken:
                raise ValueError(
                    f"{taken[port]} and {name} are both {port}: give each its own port"
                )
            taken[port] = name
        return self


def _local(service: Service) -> bool:
    return service.host in ("localhost", "127.0.0.1", "::1")
