"""Secrets, taken out of what is about to leave the process in a log line or a span.

Two ways: a value is hidden whose name says what it is (`password`, `Authorization`, `accessToken`),
and so is what looks like a secret wherever it stands: JSON Web Tokens, the keys of well-known
providers, credentials in URLs and headers, `name=value` and `"name": "value"` within texts. What
nobody could tell from an ordinary word, such as a password in the middle of a sentence, stays.

Every expression reads its text once from left to right, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

HIDDEN = "[redacted]"

_WORDS = (
    *("password", "passwd", "passphrase", "pwd", "secret", "token", "authorization", "cookie"),
    *("credential", "credentials", "jwt", "signature", "sessionid"),
    *("apikey", "api_key", "auth_key", "access_key", "secret_key", "private_key", "signing_key"),
    *("encryption_key", "account_key", "subscription_key"),
)
"""A name that ends so is a secret's; `_` stands for any separator, or none."""

_NAME = "|".join(sorted((word.replace("_", "[-_ ]?") for word in _WORDS), reverse=True))
_ENDS_SO = re.compile(rf"(?:{_NAME})s?\Z", re.IGNORECASE)
_COUNTS = re.compile(r"tokens\Z", re.IGNORECASE)  # input_tokens: how many, not which

_IN_TEXT = re.compile(
    rf"""
    (?P<name> (?:{_NAME}) ) (?![^\W_])
    (?P<is> \\{{0,8}}["']? \s{{0,4}} (?: [:=] >? | %3[Aa] | %3[Dd] | (?<=["']) , ) \s{{0,4}} )
    (?:
        (?P<quote> [bruBRU]{{0,2}} (?P<mark> \\{{0,8}}["'] ) ) (?: (?!(?P=mark)) (?:\\.|.) )*+
        | (?P<scheme> (?:bearer|basic|digest|token|negotiate) \s{{1,4}} )? [^\s"'&,;<>]++
    )
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_HEADERS = re.compile(
    r"""
    (?P<name> \b(?: set-cookie | cookie | authorization ) \s{0,4} : \s{0,4} ) [^\r\n"']++
    """,
    re.IGNORECASE | re.VERBOSE,
)
_START = r"(?: (?<![A-Za-z0-9_-]) | (?<=%3D) | (?<=%3d) | (?<=%22) | (?<=%20) )"
_SHAPES = re.compile(
    rf"""
    {_START} eyJ[\w-]{{6,}}+ \. [\w-]*+ (?: \. [\w-]*+ ){{0,3}}      # JSON Web Token
    | {_START} (?: sk | rk | pk | whsec ) [-_] [\w*-]{{12,}}+       # OpenAI, Stripe
    | {_START} (?: gh[pousr]_ | github_pat_ | glpat- | hf_ | xox[a-z]- | pypi- | npm_ | dop_v1_ )
        [\w-]{{12,}}+
    | {_START} (?: AKIA | ASIA ) [A-Z0-9]{{12,}}+                   # AWS
    | {_START} AIza [\w-]{{30,}}+                                   # Google
    | (?<= hooks\.slack\.com/services/ ) [\w/]++
    | -----BEGIN[ ][A-Z ]*PRIVATE[ ]KEY-----
        (?: (?!-----END) . )*+ (?: -----END[ ][A-Z ]*PRIVATE[ ]KEY----- )?
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_SCHEMES = re.compile(r"\b(?P<name>Bearer|Basic)(?P<is>\s{1,4})(?P<value>[\w.~+/=*-]{8,})", re.I)
_IN_URLS = re.compile(r"(?P<name>://[^\s/?\#@:\"']{0,256}+:)[^\s/?\#\"']*@", re.ASCII)
_MAIL = re.compile(r"[\w.+%-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,63}")

# What a text must hold to be looked through at all: most texts hold none of it.
_HINTS = (
    *("pass", "pwd", "secret", "token", "auth", "cookie", "credential", "jwt", "signature"),
    *("sessionid", "key"),
)
_SHAPE_HINTS = ("eyJ", "AKIA", "ASIA", "AIza", "hooks.slack", "PRIVATE KEY")
_DASHED_SHAPE_HINTS = (
    *("sk-", "sk_", "rk_", "rk-", "pk_", "pk-", "whsec", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "hf_", "xox", "pypi-", "npm_", "dop_v1_"),
)
_SHORTEST_SHAPE = 14


def redacted(text: str, *, mail: bool = False) -> str:
    """The text without the secrets that can be told; with `mail`, without addresses of mail too."""
    if len(text) >= _SHORTEST_SHAPE:
        if _holds_any(text, _SHAPE_HINTS) or (
            ("-" in text or "_" in text) and _holds_any(text, _DASHED_SHAPE_HINTS)
        ):
            text = _SHAPES.sub(HIDDEN, text)
        if "earer" in text or "asic" in text or "EARER" in text or "ASIC" in text:
            text = _SCHEMES.sub(_credentials, text)
        if "://" in text and "@" in text:
            text = _IN_URLS.sub(_but_the_name(f"{HIDDEN}@"), text)
    if ("=" in text or ":" in text or "," in text or "%3" in text) and _holds_any(
        text.lower(), _HINTS
    ):
        text = _HEADERS.sub(_but_the_name(HIDDEN), text)
        text = _IN_TEXT.sub(_named, text)
    if mail and "@" in text:
        text = _MAIL.sub(HIDDEN, text)
    return text


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret: `password`, `X-Api-Key`, `refreshToken`."""
    return bool(_ENDS_SO.search(name)) and not _COUNTS.search(name)


def _holds_any(text: str, hints: tuple[str, ...]) -> bool:
    for hint in hints:  # noqa: SIM110 - `any` of a generator takes twice as long
        if hint in text:
            return True
    return False


def _but_the_name(hidden: str) -> Callable[[re.Match[str]], str]:
    return lambda match: match["name"] + hidden


def _named(match: re.Match[str]) -> str:
    return f"{match['name']}{match['is']}{match['quote'] or match['scheme'] or ''}{HIDDEN}"


def _credentials(match: re.Match[str]) -> str:
    """What follows `Bearer`, unless it is an ordinary word: "basic training"."""
    value = match["value"]
    if value.isalpha() and (value.islower() or value.istitle()) and len(value) < 24:
        return match[0]
    return f"{match['name']}{match['is']}{HIDDEN}"
