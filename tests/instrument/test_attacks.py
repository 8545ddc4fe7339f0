"""The detector of attacks: each pattern just below and just above its limit, once in a window."""

import sys
from ipaddress import ip_address

import pytest

from vigie.instrument.attacks import AttackDetector, Limits

CLIENT = ip_address("192.0.2.1")
LIMITS = Limits()
WINDOW = LIMITS.window_seconds


def client(number: int) -> object:
    return ip_address("198.51.100.0") + number


def test_ten_failures_on_one_account_are_brute_force_wherever_they_come_from() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.failures_on_an_account - 1):
        assert detector.login_failed(number, client(number), "alice") == set()
    assert detector.login_failed(9, client(9), "alice") == {"brute_force"}


def test_thirty_failures_of_one_client_are_brute_force_whomever_they_name() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.failures_from_a_client - 1):
        assert detector.login_failed(number, CLIENT, f"user {number % 9}") == set()
    assert detector.login_failed(29, CLIENT, "user 8") == {"brute_force"}


def test_failures_on_unknown_accounts_count_for_their_client() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.failures_from_a_client - 1):
        assert detector.login_failed(number, CLIENT, None) == set()
    assert detector.login_failed(29, CLIENT, None) == {"brute_force"}


def test_ten_accounts_of_one_client_are_credential_stuffing() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.accounts_from_a_client - 1):
        assert detector.login_failed(number, CLIENT, f"user {number}") == set()
        assert detector.login_failed(number, CLIENT, f"user {number}") == set()
    assert detector.login_failed(9, CLIENT, "user 9") == {"credential_stuffing"}


def test_ten_invalid_tokens_of_one_client_are_a_replay() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.invalid_tokens_from_a_client - 1):
        assert detector.token_refused(number, CLIENT, replayed=False) == set()
    assert detector.token_refused(9, CLIENT, replayed=False) == {"token_replay"}


def test_one_used_up_token_is_a_replay() -> None:
    detector = AttackDetector()
    assert detector.token_refused(0, CLIENT, replayed=True) == {"token_replay"}
    assert detector.token_refused(1, CLIENT, replayed=True) == set()
    assert detector.token_refused(WINDOW, CLIENT, replayed=True) == {"token_replay"}


def test_twenty_unmatched_paths_of_one_client_are_a_scan() -> None:
    detector = AttackDetector()
    for number in range(LIMITS.paths_from_a_client - 1):
        assert detector.path_unmatched(number, CLIENT, f"/{number}.php") == set()
    assert detector.path_unmatched(19, CLIENT, "/19.php") == {"path_scan"}


def test_a_broken_link_that_is_asked_for_again_and_again_is_no_scan() -> None:
    detector = AttackDetector()
    for number in range(1_000):
        assert detector.path_unmatched(number / 10, CLIENT, "/favicon.ico") == set()


@pytest.mark.parametrize(("seconds", "found"), [(WINDOW, {"brute_force"}), (WINDOW + 1, set())])
def test_only_what_lies_within_the_window_counts(seconds: float, found: set[str]) -> None:
    detector = AttackDetector()
    detector.login_failed(0, None, "alice")
    for _ in range(LIMITS.failures_on_an_account - 2):
        detector.login_failed(100, None, "alice")
    assert detector.login_failed(seconds, None, "alice") == found


def test_an_attack_that_goes_on_is_told_once_in_a_window() -> None:
    detector = AttackDetector()
    told = [
        second
        for second in range(1, 1001)
        if detector.login_failed(second, CLIENT, "alice") and second
    ]
    # By the account at 10, by the client at 30; each again after a window and as many failures.
    assert told == [10, 30, 319, 359, 628, 688, 937]


def test_clients_of_one_ipv6_network_are_one() -> None:
    detector = AttackDetector()
    network, neighbour = ip_address("2001:db8:0:1::"), ip_address("2001:db8:0:2::")
    for number in range(LIMITS.accounts_from_a_client - 1):
        detector.login_failed(0, network + number, f"user {number}")
    assert detector.login_failed(0, neighbour, "user 9") == set()
    assert detector.login_failed(0, network + 99, "user 9") == {"credential_stuffing"}


def test_clients_that_are_not_known_are_not_one() -> None:
    detector = AttackDetector()
    for number in range(100):
        assert detector.login_failed(0, None, f"user {number}") == set()
        assert detector.path_unmatched(0, None, f"/{number}") == set()
        assert detector.token_refused(0, None, replayed=False) == set()
    assert detector.token_refused(0, None, replayed=True) == {"token_replay"}


def test_memory_is_bounded_and_the_attacker_who_goes_on_is_remembered() -> None:
    detector = AttackDetector(Limits(suspects=100))
    for number in range(8):
        detector.login_failed(0, CLIENT, "alice")
        for other in range(40):
            detector.path_unmatched(0, client(100 * number + other), "/")
    assert len(detector._suspects) == 100
    assert detector.login_failed(0, CLIENT, "alice") == set()
    assert detector.login_failed(0, CLIENT, "alice") == {"brute_force"}


def test_what_one_suspect_takes_is_bounded() -> None:
    detector = AttackDetector()
    for number in range(10_000):
        detector.path_unmatched(0, CLIENT, number)
        detector.login_failed(0, CLIENT, number)
    assert max(sys.getsizeof(record._things) for record in detector._suspects.values()) < 3_000
