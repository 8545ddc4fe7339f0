"""Secrets are taken out, whatever is around them, and ordinary words stay."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie.instrument.redaction import HIDDEN, is_secret, redacted

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("login password=hunter2 ok", "login password=[redacted] ok"),
        ("password: hunter2", "password: [redacted]"),
        ('{"password": "two words", "a": 1}', '{"password": "[redacted]", "a": 1}'),
        ("{'api_key': 'abc', 'n': 1}", "{'api_key': '[redacted]', 'n': 1}"),
        (r'"{\"secret\": \"abc\", \"b\": 1}"', r'"{\"secret\": \"[redacted]\", \"b\": 1}"'),
        ("accessToken: xyz", "accessToken: [redacted]"),
        ("X-Api-Key: abc", "X-Api-Key: [redacted]"),
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("Authorization: Digest user=x, nonce=y", "Authorization: [redacted]"),
        ("('authorization', 'Bearer xyz')", "('authorization', '[redacted]')"),
        ("(b'cookie', b'a=b; c=d')", "(b'cookie', b'[redacted]')"),
        ("Cookie: a=b; sessionid=xyz", "Cookie: [redacted]"),
        ("sent Bearer 4bf92f3577b3", "sent Bearer [redacted]"),
        ("Basic dXNlcjpwYXNz", "Basic [redacted]"),
        (f"token is {JWT}.", f"token is {HIDDEN}"),
        (f"GET /x?next=1&t%3D{JWT}", f"GET /x?next=1&t%3D{HIDDEN}"),
        ("?access_token=abc&page=2", "?access_token=[redacted]&page=2"),
        ("?access_token%3Dabc&page=2", "?access_token%3D[redacted]&page=2"),
        (
            "Incorrect API key provided: sk-12345*****6789ab",
            "Incorrect API key provided: [redacted]",
        ),
        ("sk-proj-abcdefghijklmnop_qrs", HIDDEN),
        ("ghp_abcdefghijklmnopqrst", HIDDEN),
        ("AKIAIOSFODNN7EXAMPLE", HIDDEN),
        ("xoxb-123456789012-abc", HIDDEN),
        (
            "https://hooks.slack.com/services/T000/B000/XXXX sent",
            "https://hooks.slack.com/services/[redacted] sent",
        ),
        (
            "postgresql://user:p@ss@db:5432/x failed",
            "postgresql://user:[redacted]@db:5432/x failed",
        ),
        ("redis://:secret1@cache/0", "redis://:[redacted]@cache/0"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- read",
            "[redacted] read",
        ),
        ("password='never closed, to the end", "password='[redacted]"),
    ],
)
def test_a_secret_is_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Auth failure reason=missing_token ip=192.0.2.1",
        "Auth failure reason=expired_token ip=::1",
        "tokens=12 input_tokens: 5 token_rate=3",
        "basic training is a bearer of good news",
        "Password reset: done",
        "key=value cache key: 5",
        "secret_key_file=/run/x session_id=4",
        "http://localhost:8000/api/v1/chat",
        "Slow request GET /api/v1/profile/ 200 seconds=0.612 statements=3",
        "task-force-of-twelve-people",
        "Bonjour, ça va ?",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert redacted(text) == text


def test_addresses_of_mail_are_hidden_if_it_is_asked_for() -> None:
    text = "sent to Anne.Dupont+run@mail.example.org, twice"
    assert redacted(text) == text
    assert redacted(text, mail=True) == "sent to [redacted], twice"


@pytest.mark.parametrize(
    "name",
    [
        *("password", "X-Api-Key", "refreshToken", "Set-Cookie", "OPENAI_API_KEY", "db_password"),
        *("Authorization", "client_secret", "sessionid", "secrets", "aws_secret_access_key"),
    ],
)
def test_a_value_of_such_a_name_is_a_secret(name: str) -> None:
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["input_tokens", "max_tokens", "session_id", "user", "key", "author", "secret_file"]
)
def test_a_value_of_such_a_name_is_none(name: str) -> None:
    assert not is_secret(name)


_values = st.text(string.ascii_letters + string.digits + "._~+/-", min_size=12, max_size=60)
_around = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_names = st.sampled_from(
    ["password", "token", "api_key", "apiKey", "client-secret", "Authorization"]
)
_writings = st.sampled_from(
    [
        *("{0}={1}", "{0}: {1}", '"{0}": "{1}"', "'{0}': '{1}'", "{0}='{1}'", "('{0}', '{1}')"),
        *("?{0}={1}&x=1", "{0} = {1}", "{0}: Bearer {1}", "{0}%3D{1}"),
        r"{{\"{0}\":\"{1}\"}}",
    ]
)


@given(_around, _names, _writings, _values, _around)
def test_a_named_secret_is_hidden_whatever_is_around_it(
    before: str, name: str, writing: str, value: str, after: str
) -> None:
    said = redacted(f"{before} {writing.format(name, 'Q9' + value)} {after}")
    assert "Q9" + value not in said


_shaped = st.one_of(
    st.builds(
        "sk-{}".format, _values.map(lambda v: "A" + "".join(c for c in v if c.isalnum()) + "B" * 12)
    ),
    st.just(JWT),
    st.builds("xoxb-{}".format, st.text(string.digits + "abcdef-", min_size=12, max_size=40)),
)
_separators = st.sampled_from([" ", '"', "'", "=", ":", "/", "(", "[", "\n", ",", "<", "%3D", "é"])


@given(_around, _separators, _shaped, _separators, _around)
def test_what_looks_like_a_secret_is_hidden_whatever_is_around_it(
    before: str, left: str, secret: str, right: str, after: str
) -> None:
    assert secret not in redacted(f"{before}{left}{secret}{right}{after}")


@given(st.text(max_size=300))
def test_any_text_is_read_and_what_is_hidden_stays_hidden(text: str) -> None:
    once = redacted(text, mail=True)
    assert redacted(once, mail=True).count(HIDDEN) >= once.count(HIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        *("eyJ" * 30_000, "password" * 12_000, "://a:" * 20_000, "://a:a@" * 14_000),
        *("sk-" * 30_000, "a@" * 50_000, "a." * 50_000 + "@", "password: " * 10_000),
        *("-----BEGIN PRIVATE KEY-----" * 4_000, "token='" * 14_000, "Bearer " * 14_000),
        *("\\" * 50_000 + "token" + "\\" * 50_000, "token\\" * 16_000, "api key " * 12_000),
        '"' * 100_000 + "token",
    ],
    ids=lambda text: text[:12],
)
def test_no_text_of_100_000_characters_takes_long(text: str) -> None:
    began = time.process_time()
    redacted(text, mail=True)
    # Some 0.1 s; where a character is read again for each before it, minutes.
    assert time.process_time() - began < 5
