"""One inbox has one console, and says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from vigie.incidents.holding import HeldError, held, holder


def test_who_holds_it_is_known_while_they_do(tmp_path: Path) -> None:
    assert holder(tmp_path) is None
    with held(tmp_path, "http://localhost:3300 (pid 7)"):
        assert holder(tmp_path) == "http://localhost:3300 (pid 7)"
        refused = pytest.raises(HeldError, match=r"^http://localhost:3300 \(pid 7\)$")
        with refused, held(tmp_path, "somebody else"):
            pytest.fail("two hold it")
    assert holder(tmp_path) is None
    with held(tmp_path, "short"):
        assert holder(tmp_path) == "short"
