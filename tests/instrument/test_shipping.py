"""Records leave in batches, are tried again, and are counted where they are lost."""

import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest

from record_receiver import Answer, RecordReceiver, receiving
from vigie.instrument.receiver import Address, NotNowError, Receiver, RefusedError
from vigie.instrument.shipping import BATCH, Shipper, is_sending

pytestmark = pytest.mark.servers


@pytest.fixture
def receiver() -> Iterator[RecordReceiver]:
    with receiving() as running:
        yield running


class Sending:
    """A shipper of texts, and what it told."""

    def __init__(self, url: str, **more: int) -> None:
        self.failures: list[Exception] = []
        self.lost = 0
        self.threads: set[bool] = set()
        self.shipper: Shipper[str] = Shipper(
            Receiver(Address.of(url), "/records", {"X-Scope-OrgID": "team"}),
            self._body,
            failed=self.failures.append,
            dropped=self._dropped,
            first_pause_seconds=0.01,
            dice=random.Random(1),
            **more,
        )

    def put(self, *texts: str) -> None:
        for text in texts:
            self.shipper.put(text, len(text))

    def _body(self, batch: Sequence[str]) -> bytes:
        self.threads.add(is_sending())
        if "unspeakable" in batch:
            raise TypeError("unspeakable")
        return json.dumps(list(batch)).encode()

    def _dropped(self, count: int) -> None:
        self.lost += count


@pytest.fixture
def sending(receiver: RecordReceiver) -> Iterator[Callable[..., Sending]]:
    made: list[Sending] = []

    def start(url: str = receiver.url, **more: int) -> Sending:
        made.append(Sending(url, **more))
        return made[-1]

    yield start
    for each in made:
        each.shipper.close(within_seconds=1)


def records(receiver: RecordReceiver) -> list[str]:
    return [record for request in receiver.requests for record in request.content]


def test_records_arrive_in_their_order_by_themselves(
    receiver: RecordReceiver, sending: Callable[..., Sending]
) -> None:
    one = sending()
    one.put(*map(str, range(2500)))
    receiver.wait_until(lambda: len(records(receiver)) == 2500)
    assert records(receiver) == [str(n) for n in range(2500)]
    assert max(len(request.content) for request in receiver.requests) <= BATCH
    request = receiver.requests[0]
    assert (request.path, request.headers["X-Scope-OrgID"]) == ("/records", "team")
    assert request.headers["Content-Encoding"] == "gzip"
    assert (one.failures, one.lost) == ([], 0)
    assert one.threads == {True}  # what it logs meanwhile is not sent in turn
    assert not is_sending()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 507])
def test_a_receiver_that_cannot_now_is_asked_again(
    receiver: RecordReceiver, sending: Callable[..., Sending], status: int
) -> None:
    receiver.answers.extend([Answer(status)] * 3)
    one = sending()
    one.put("a", "b")
    receiver.wait_until(lambda: len(records(receiver)) == 2)
    assert len(receiver.refused) == 3
    # One trouble is one failure, however often it was tried.
    assert [type(error) for error in one.failures] == [NotNowError]
    assert str(status) in str(one.failures[0])
    assert one.lost == 0


def test_a_receiver_is_left_alone_as_long_as_it_asks(
    receiver: RecordReceiver, sending: Callable[..., Sending]
) -> None:
    receiver.answers.append(Answer(429, {"Retry-After": "60"}))
    one = sending()
    one.put("a")
    receiver.wait_until(lambda: len(receiver.refused) == 1)
    waiting = next(each for each in threading.enumerate() if each.name == "vigie-sender")
    waiting.join(timeout=0.5)  # fifty times the pause that it makes otherwise
    assert records(receiver) == []
    assert one.shipper.flush(within_seconds=1)  # the end of the process does not wait for it
    assert records(receiver) == ["a"]


def test_what_is_too_large_is_sent_in_parts(
    receiver: RecordReceiver, sending: Callable[..., Sending]
) -> None:
    receiver.answers.extend([Answer(413), Answer(413), Answer(), Answer(413)])
    one = sending()
    one.put("a", "b", "c", "d")
    receiver.wait_until(lambda: len(records(receiver)) == 3 or one.lost > 0)
    assert one.shipper.flush()
    assert sorted([*records(receiver), "?"])[1:] == ["a", "c", "d"]
    assert (one.lost, len(one.failures)) == (1, 1)


@pytest.mark.parametrize("status", [301, 400, 401, 404, 422])
def test_what_is_refused_is_given_up_and_counted(
    receiver: RecordReceiver, sending: Callable[..., Sending], status: int
) -> None:
    receiver.answers.append(Answer(status, body=b"entry out of order"))
    one = sending()
    one.put("a", "b")
    receiver.wait_until(lambda: len(receiver.refused) == 1)
    one.put("c")
    receiver.wait_until(lambda: records(receiver) == ["c"])
    assert one.lost == 2
    [failure] = one.failures
    assert isinstance(failure, RefusedError)
    assert str(failure) == f"{status} from 127.0.0.1/records: entry out of order"


def test_a_batch_that_cannot_be_written_is_given_up_and_the_next_is_sent(
    receiver: RecordReceiver, sending: Callable[..., Sending]
) -> None:
    one = sending()
    one.put("unspeakable")
    one.shipper.flush()
    one.put("a")
    assert one.shipper.flush()
    assert records(receiver) == ["a"]
    assert (one.lost, [str(error) for error in one.failures]) == (1, ["unspeakable"])


def test_what_does_not_fit_is_dropped_and_counted(sending: Callable[..., Sending]) -> None:
    by_count = sending("http://127.0.0.1:9", capacity=10)
    by_count.put(*["x"] * 25)
    assert by_count.lost == 15
    by_bytes = sending("http://127.0.0.1:9", capacity_bytes=100)
    by_bytes.put(*["x" * 30] * 5)
    assert by_bytes.lost == 2


def test_a_connection_that_the_server_has_closed_is_made_anew(
    receiver: RecordReceiver, sending: Callable[..., Sending]
) -> None:
    receiver.answers.append(Answer(200, {"Connection": "close"}))
    one = sending()
    for text in ("a", "b", "c"):
        one.put(text)
        assert one.shipper.flush()
    assert records(receiver) == ["a", "b", "c"]
    assert one.failures == []


def test_a_restarted_receiver_is_found_again(
    free_port: Callable[[], int], sending: Callable[..., Sending]
) -> None:
    port = free_port()
    one = sending(f"http://127.0.0.1:{port}")
    with receiving(port) as first:
        one.put("a")
        first.wait_until(lambda: records(first) == ["a"])
    one.put("b")
    with receiving(port) as second:
        second.wait_until(lambda: records(second) == ["b"])
    assert one.lost == 0


def test_a_receiver_that_is_not_there_keeps_nobody_waiting(
    sending: Callable[..., Sending],
) -> None:
    one = sending("http://127.0.0.1:9")
    one.put("a")
    assert not one.shipper.flush()
    one.shipper.close()
    one.put("b")  # taken by nobody
    assert one.lost == 1
    assert len(one.failures) == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("127.0.0.1:3100", 'the address is "127.0.0.1:3100"'),
        ("ftp://host", 'the address is "ftp://host"'),
        ("http://host:0", 'the address is "http://host:0"'),
        ("http://u:hunter2@host?x=1", 'the address is "host?x=1"'),
    ],
)
def test_what_is_no_address_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError) as refused:
        Address.of(url)
    assert str(refused.value) == f"{words}: write one such as http://127.0.0.1:3100"


def test_a_user_and_a_password_in_the_address_become_a_header() -> None:
    address = Address.of("https://team:p%40ss@[::1]/base/")
    assert (address.host, address.port, address.path) == ("::1", 443, "/base")
    assert address.headers == {"Authorization": "Basic dGVhbTpwQHNz"}
