"""Stops one component and starts it again."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from vigie.stack.errors import RequestError, StackError
from vigie.stack.readiness import Launched, Ready, Watch
from vigie.stack.started import saved
from vigie.stack.state import State
from vigie.stack.supervisord import Supervisord


def restart(state: State, name: str, report: Callable[[Launched | Ready], None]) -> None:
    """Restart a component and wait until it is ready again.

    Raises RequestError for a name that is no component's, and StackError when nothing runs or the
    component does not get ready; supervisord goes on trying then.
    """
    supervisord = Supervisord(state)
    if not supervisord.running():
        raise StackError(f"nothing runs in {state.folder}\nstart it: vigie up")
    with state.locked():
        known = {one.name: one for one in saved(state).components}
        component = known[named(name, known)]
        watch = Watch.over(supervisord, [component], supervisord.processes())
        supervisord.stop(component.name)
        supervisord.launch(component.name)
        try:
            watch.follow([component], report)
        except StackError as error:
            raise StackError(f"{error}\nthe supervisor goes on trying: vigie status") from error


def named(name: str, known: Iterable[str]) -> str:
    """The component that `name` means; raises RequestError, with the nearest name, for none."""
    known = list(known)
    plain = name.lower().replace("_", "-").replace(" ", "-")
    if plain in known:
        return plain
    near = difflib.get_close_matches(plain, known, n=1)
    meant = f"did you mean {near[0]}?\n" if near else ""
    raise RequestError(
        f"there is no component {name}\n{meant}the components are: {', '.join(known) or 'none'}"
    )
