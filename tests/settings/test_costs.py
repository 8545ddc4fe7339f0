"""Own prices, aliases, the ledger and the currency's rate: what is read, and what is refused."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from vigie.costs.usage import Usage
from vigie.settings import SettingsError, load
from vigie.settings.costs import CostSettings, cost_settings, for_service
from vigie.settings.state_folder import MARKER

NOTHING: dict[str, str] = {}


def written(folder: Path, text: str) -> Path:
    path = folder / "vigie.yml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def told(folder: Path, text: str) -> CostSettings:
    return cost_settings(load(written(folder, text), NOTHING), folder / "state")


def errors(folder: Path, text: str, environ: dict[str, str] = NOTHING) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        load(written(folder, text), environ)
    return str(raised.value).splitlines()


def test_without_a_file_the_ledger_is_in_the_state_folder_for_thirteen_months(
    tmp_path: Path,
) -> None:
    found = cost_settings(load(environ=NOTHING, start=tmp_path), tmp_path)
    assert found.ledger is not None
    assert found.ledger.url == f"sqlite:///{tmp_path}/ledger.sqlite3"
    assert found.ledger.retention == timedelta(days=403)
    assert found.ledger.user_key_file == tmp_path / "secrets/ledger-users"
    assert (found.currency.code, found.currency.per_usd) == ("EUR", Decimal("0.92"))
    assert found.zone.key == "Europe/Paris"
    assert load(environ=NOTHING, start=tmp_path).ports.costs == 9400


def test_own_prices_and_aliases_are_read_with_their_exact_figures(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        """
        currency: {code: EUR, per_usd: 0.92, checked: 2026-11-20}
        prices:
          - model: our-model-*
            per_million_tokens: {input: 0.80, cached_input: 0.2, output: 3.20}
            checked: 2026-11-02
          - model: our-model-*
            service_tier: flex
            per_million_tokens: {input: 0.1, output: 0.000001}
            checked: 2026-11-03
          - {model: rented, per_million_tokens: {input: 1.84}, checked: 2026-11-04, currency: EUR}
        aliases:
          coach-deployment: gpt-4o
        """,
    ).own_prices
    usage = Usage(input=1000, cached_input=500, output=100)
    price = found.price("our-model-7")
    assert price is not None
    assert price.usd(usage) == Decimal("0.00082")
    assert price.as_of == date(2026, 11, 2)
    flex = found.price("our-model-7", "flex")
    assert flex is not None
    assert flex.usd(usage) == Decimal("0.0001000001")
    rented = found.price("rented")
    assert rented is not None
    assert rented.usd(Usage(input=1_000_000)) == 2
    assert list(found.names("Coach-Deployment")) == ["Coach-Deployment", "gpt-4o"]


@pytest.mark.parametrize(
    ("written_url", "expected"),
    [
        ("sqlite:///money.db", "sqlite:///{folder}/money.db"),
        ("sqlite:////var/lib/money.db", "sqlite:////var/lib/money.db"),
        ("postgresql://vigie@db.example.org/money", "postgresql://vigie@db.example.org/money"),
    ],
)
def test_the_ledger_is_where_its_url_says(tmp_path: Path, written_url: str, expected: str) -> None:
    ledger = told(tmp_path, f'ledger: {{url: "{written_url}", retention: 400d}}').ledger
    assert ledger is not None
    assert ledger.url == expected.format(folder=tmp_path)
    assert ledger.retention == timedelta(days=400)


@pytest.mark.parametrize("off", ["off", '"off"'])
def test_a_ledger_can_be_switched_off(tmp_path: Path, off: str) -> None:
    assert told(tmp_path, f"ledger: {{url: {off}}}").ledger is None


def test_a_url_with_a_password_comes_from_a_file_or_a_variable(tmp_path: Path) -> None:
    url = "postgresql://vigie:secret@db.example.org/money"
    (tmp_path / "url").write_text(url + "\n")
    ledger = told(tmp_path, "ledger: {url_file: url}").ledger
    assert ledger is not None
    assert ledger.url == url
    assert str(ledger) == "postgresql://vigie@db.example.org/money"
    by_variable = load(written(tmp_path, ""), {"VIGIE_LEDGER__URL": url})
    assert by_variable.ledger.url == url


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "ledger.url_file: {file} cannot be read: No such file or directory"),
        (b"\xff", "ledger.url_file: {file} cannot be read: it is not UTF-8 text"),
        (b"hello", "ledger.url_file: {file} holds no postgresql:// URL: write one into it"),
    ],
)
def test_a_url_file_without_a_url_is_named(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    with pytest.raises(SettingsError) as raised:
        told(tmp_path, "ledger: {url_file: url}")
    assert str(raised.value) == message.format(file=tmp_path / "url")


def test_wrong_figures_are_refused_with_their_lines(tmp_path: Path) -> None:
    text = """\
        prices:
          - model: coach-1
            per_million_tokens: {input: -1, output: 3.20}
            checked: 2026-11-01
          - model: coach-2
            per_million_tokens: {input: 0.1234567, outptu: 1}
            checked: soon
          - {model: coach-3, checked: 2026-11-01, per_million_tokens: {}}
          - {per_million_tokens: {input: 1}, checked: 2026-11-01}
          - {model: coach-4, per_million_tokens: {input: .nan}, checked: 2026-11-01}
          - {model: "", per_million_tokens: 7, checked: 2026-11-01, currency: euro}
        ledger: {url: "mysql://x", retention: 13}
        """
    assert errors(tmp_path, text) == [
        "vigie.yml:3: prices.0.per_million_tokens.input is -1: write a number from 0 on, e.g. 0.80",
        "vigie.yml:6: prices.1.per_million_tokens.input is 0.1234567: write 6 decimals at most,"
        " e.g. 0.80",
        'vigie.yml:6: prices.1.per_million_tokens.outptu is not a setting: did you mean "output"?',
        'vigie.yml:7: prices.1.checked is "soon": write a date as year-month-day, e.g. 2026-11-01',
        "vigie.yml:8: prices.2.per_million_tokens is a mapping: write a price for one kind of token"
        " at least, e.g. {input: 0.80}",
        "vigie.yml:9: prices.3.model is missing: write it, e.g. our-model-*",
        "vigie.yml:10: prices.4.per_million_tokens.input is nan: write a number, e.g. 0.80",
        'vigie.yml:11: prices.5.model is "": write a name, e.g. our-model-*',
        "vigie.yml:11: prices.5.per_million_tokens is 7: write a mapping of settings,"
        " e.g. {input: 0.80, output: 3.20}",
        'vigie.yml:11: prices.5.currency is "euro": write it in its usual form, e.g. EUR',
        'vigie.yml:12: ledger.url is "mysql://x": write sqlite:///FILE,'
        " postgresql://USER@HOST/DATABASE, or off to keep no ledger",
        "vigie.yml:12: ledger.retention is 13: write a duration with its unit, e.g. 15s, 10m, 12h"
        " or 7d",
    ]


def test_what_contradicts_itself_is_refused_with_both_places(tmp_path: Path) -> None:
    text = """\
        currency: {code: EUR, per_usd: 0.92}
        prices:
          - model: coach-1
            per_million_tokens: {input: 1}
            checked: 2026-11-01
          - model: Coach-1
            per_million_tokens: {input: 2}
            checked: 2026-11-01
            currency: GBP
          - {model: coach-2, service_tier: flex, per_million_tokens: {input: 1}, checked: 2026-1-1}
          - {model: coach-2, service_tier: flex, per_million_tokens: {input: 1}, checked: 2026-1-1}
          - {model: coach-2, service_tier: slow, per_million_tokens: {input: 1}, checked: 2026-1-1}
        aliases:
          first: second
          second: first
          coach-2: gpt-4o
        ledger:
          url: "postgresql://me:secret@db/x"
          url_file: x
        """
    text = text.replace("2026-1-1", "2026-01-01")
    assert errors(tmp_path, text) == [
        'vigie.yml:6: prices.1.model is "Coach-1": it has a price already, at vigie.yml:3:'
        " keep one",
        'vigie.yml:9: prices.1.currency is "GBP": it has no rate, since currency is EUR:'
        ' write "USD" or "EUR"',
        'vigie.yml:11: prices.3.model is "coach-2": it has a price already in the tier "flex",'
        " at vigie.yml:10: keep one",
        'vigie.yml:14: aliases.first is "second": it leads in a circle, first → second → first:'
        " name a model",
        'vigie.yml:15: aliases.second is "first": it leads in a circle, second → first → second:'
        " name a model",
        'vigie.yml:16: aliases.coach-2 is "gpt-4o": it has its own price at vigie.yml:10: keep one',
        "vigie.yml:18: ledger.url holds a password: write the URL into a file that only the"
        " services can read, and name it: ledger.url_file",
        f"vigie.yml:19: ledger.url_file is {tmp_path / 'x'}: ledger.url is given at vigie.yml:18:"
        " keep one",
    ]


def test_a_currency_needs_its_own_rate(tmp_path: Path) -> None:
    assert errors(tmp_path, "currency: {code: CHF}") == [
        'vigie.yml:1: currency.code is "CHF", without a rate: write what one US dollar is worth'
        " and when you looked, e.g. per_usd: 0.92, checked: 2026-11-01"
    ]
    assert errors(tmp_path, "currency: {code: USD, per_usd: 0.92}") == [
        "vigie.yml:1: currency.per_usd is 0.92: a US dollar is worth 1: leave it out"
    ]
    assert load(written(tmp_path, "currency: {code: USD}"), NOTHING).currency.per_usd == 1
    chf = load(written(tmp_path, "currency: {code: CHF, per_usd: 0.8}"), NOTHING).currency
    assert chf.per_usd == Decimal("0.8")


def test_a_service_makes_the_state_folder_as_vigies_own(tmp_path: Path) -> None:
    settings = written(tmp_path, "time_zone: UTC")
    environ = {"VIGIE_SETTINGS": str(settings), "VIGIE_STATE": str(tmp_path / "a/state")}
    found = for_service(environ)
    assert found.ledger is not None
    assert found.ledger.path == tmp_path / "a/state/ledger.sqlite3"
    assert (tmp_path / "a/state" / MARKER).is_file()
    assert (tmp_path / "a/state").stat().st_mode & 0o777 == 0o700
    assert for_service(environ).ledger == found.ledger


def test_a_service_with_a_ledger_elsewhere_makes_no_state_folder(tmp_path: Path) -> None:
    settings = written(tmp_path, 'ledger: {url: "sqlite:///money.db"}')
    for_service({"VIGIE_SETTINGS": str(settings), "VIGIE_STATE": str(tmp_path / "state")})
    assert not (tmp_path / "state").exists()
