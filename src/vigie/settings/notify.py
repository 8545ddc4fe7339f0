"""What is checked of the section `notify` beyond each of its parts, and the secrets that it names.

Secrets are in files, which only the machine that notifies has: they are looked at when it is about
to (`check_secrets`), and not when a watched service reads the same settings.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from vigie.settings.model import Settings
from vigie.settings.problems import Places, Problem, SettingsError


def problems_of(settings: Settings, places: Places) -> Iterator[Problem]:
    """What is wrong with channels and mute times, each part being right by itself."""
    webhook = settings.notify.webhook
    if webhook is not None and urlsplit(webhook.url).password is not None:
        what = (
            "notify.webhook.url holds a password: write a token into a file that only Alertmanager "
            "can read, and name it: notify.webhook.token_file"
        )
        yield Problem(places.of(("notify", "webhook", "url")), what)
    first: dict[str, str] = {}
    for index, mute in enumerate(settings.notify.mute):
        place = places.of(("notify", "mute", str(index), "name"))
        if mute.name in first:
            what = (
                f'notify.mute.{index}.name is "{mute.name}": so is the one at {first[mute.name]}: '
                "give each its own name"
            )
            yield Problem(place, what)
        first.setdefault(mute.name, place)


def check_secrets(settings: Settings) -> None:
    """Read the secrets that `notify` names. Raises `SettingsError` with all that cannot be used."""
    notify = settings.notify
    found: list[Problem] = []
    if notify.webhook and notify.webhook.token_file:
        found += _unusable(settings, "webhook.token_file", notify.webhook.token_file, _no_token)
    if notify.slack:
        found += _unusable(
            settings, "slack.webhook_url_file", notify.slack.webhook_url_file, _no_slack_url
        )
    if notify.email and notify.email.password_file:
        found += _unusable(
            settings, "email.password_file", notify.email.password_file, _no_password
        )
    if found:
        raise SettingsError(found)


def _unusable(
    settings: Settings, name: str, file: Path, wrong_with: Callable[[str], str]
) -> Iterator[Problem]:
    try:
        wrong = wrong_with(file.read_text(encoding="utf-8"))
    except OSError as error:
        wrong = f"cannot be read: {error.strerror}: write the secret into it, or name another"
    except UnicodeDecodeError:
        wrong = "is no text: write the secret into it, or name another"
    if wrong:
        place = settings.places.of(("notify", *name.split(".")))
        yield Problem(place, f"notify.{name} is {file}, which {wrong}")


# None of these shows what the file holds.


def _no_token(text: str) -> str:
    return "" if text.strip() else "is empty: write the token into it"


def _no_slack_url(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        host, path = parts.hostname, parts.path.strip("/")
    except ValueError:
        host = path = None
    if host and path and parts.scheme in ("http", "https") and len(text.split()) == 1:
        return ""
    example = "https://hooks.slack.com/services/…"
    return f"holds no webhook's URL: write the one that Slack gave, {example}"


def _no_password(text: str) -> str:
    if not text.strip():
        return "is empty: write the password into it"
    if text != text.rstrip("\r\n"):
        # Alertmanager below 0.27 sends it along, and every mail fails.
        return (
            "ends with a line break, which Alertmanager takes for a part of the password: write it "
            "without, e.g. with printf %s"
        )
    return ""
