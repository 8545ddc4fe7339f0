"""Pages as a script runs them, again and again."""

import threading
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter
from streamlit.runtime.scriptrunner import RerunException, StopException
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.testing.v1 import AppTest

from vigie.instrument.streamlit import track_chat_message, track_coaching_session, track_page


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def loads(registry: CollectorRegistry, page: str = "chat") -> float | None:
    return registry.get_sample_value("streamlit_page_load_seconds_count", {"page": page})


def errors(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["page"], sample.labels["exception"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "streamlit_ui_errors_total" and sample.value > 0
    }


def test_a_page_is_timed(registry: CollectorRegistry) -> None:
    with track_page("chat", registry=registry):
        pass
    assert loads(registry) == 1
    assert errors(registry) == {}


def test_a_decorated_page_is_timed_at_each_run_in_each_session(
    registry: CollectorRegistry,
) -> None:
    both_inside = threading.Barrier(2, timeout=10)

    @track_page("chat", registry=registry)
    def page() -> None:
        both_inside.wait()

    sessions = [threading.Thread(target=page) for _ in range(2)]
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    assert loads(registry) == 2
    assert page.__name__ == "page"


def test_an_exception_that_leaves_a_page_is_an_error_and_passes(
    registry: CollectorRegistry,
) -> None:
    with pytest.raises(KeyError), track_page("chat", registry=registry):
        raise KeyError("missing")
    assert errors(registry) == {("chat", "KeyError"): 1}
    assert loads(registry) == 1


def test_an_exception_is_counted_once_by_the_innermost_page(
    registry: CollectorRegistry,
) -> None:
    with (
        pytest.raises(KeyError),
        track_page("all", registry=registry),
        track_page("chat", registry=registry),
    ):
        raise KeyError("missing")
    assert errors(registry) == {("chat", "KeyError"): 1}


def test_streamlit_s_own_control_flow_is_no_error_and_passes(
    registry: CollectorRegistry,
) -> None:
    with pytest.raises(StopException), track_page("chat", registry=registry):
        raise StopException
    assert loads(registry) == 1
    with pytest.raises(RerunException), track_page("chat", registry=registry):
        raise RerunException(RerunData())
    assert loads(registry) == 1
    assert errors(registry) == {}


def test_chat_messages_are_counted_by_role(registry: CollectorRegistry) -> None:
    for role in ("user", "assistant", "assistant", "somebody"):
        track_chat_message(role, registry=registry)
    counted = {
        role: registry.get_sample_value("streamlit_chat_messages_total", {"role": role})
        for role in ("user", "assistant", "other")
    }
    assert counted == {"user": 1, "assistant": 2, "other": 1}


def test_ten_thousand_page_names_leave_a_bounded_number_of_series(
    registry: CollectorRegistry,
) -> None:
    for number in range(10_000):
        with track_page(f"page {number}", registry=registry):
            pass
    samples = [s for family in registry.collect() for s in family.samples]
    assert len([s for s in samples if s.name == "streamlit_page_load_seconds_count"]) == 51


def test_trackers_never_raise() -> None:
    taken = CollectorRegistry()
    for name in ("streamlit_page_load_seconds", "streamlit_chat_messages"):
        Counter(name, "somebody else's", registry=taken)
    with track_page("chat", registry=taken):
        track_chat_message("user", registry=taken)
        track_coaching_session("web_user", float("nan"), registry=taken)


def script() -> None:
    import streamlit as st
    from prometheus_client import CollectorRegistry

    from vigie.instrument.meters import meters
    from vigie.instrument.streamlit import serve_metrics, track_chat_message, track_page

    if "registry" not in st.session_state:
        st.session_state.registry = CollectorRegistry()
        st.session_state.ports = set()
    registry = st.session_state.registry
    st.session_state.ports.add(serve_metrics(0, registry=registry))
    with track_page("chat", registry=registry):
        asked = st.chat_input("Question")
        if asked:
            track_chat_message("user", registry=registry)
        if asked == "fail":
            raise ValueError(asked)
        if asked == "stop":
            st.stop()
    meters(registry).refresh()


@pytest.mark.servers
def test_a_script_registers_and_serves_once_however_often_it_runs() -> None:
    app: Any = AppTest.from_function(script, default_timeout=30).run()
    for asked in ("hello", "stop", "fail", "hello"):
        app.chat_input[0].set_value(asked).run()
    registry = app.session_state.registry
    assert loads(registry) == 5
    assert errors(registry) == {("chat", "ValueError"): 1}
    assert registry.get_sample_value("streamlit_chat_messages_total", {"role": "user"}) == 4
    assert registry.get_sample_value("streamlit_memory_bytes") > 1_000_000
    assert len(app.session_state.ports) == 1
    # AppTest's stand-in for the runtime has no sessions to list: counted, and nothing else fails.
    failures = registry.get_sample_value(
        "vigie_internal_errors_total", {"where": "streamlit:sessions"}
    )
    assert failures is not None
