"""Starts, watches and stops the engines of embedded mode, and the demo that they watch.

    up.py ─► binaries.py ─► debian.py, releases.py     where the binaries come from
      │ ├──► components.py, demo.py                    what runs, as values
      │ ├──► configuration.py                          what the engines read, checked, exchanged
      │ ├──► ports.py, readiness.py                    is the port free, does it answer
      │ └──► supervisord.py ─► deaths.py               the process that keeps them running
      ▼
    state.py, started.py                               the one folder that holds it all
      ▲
    down.py, restart.py, status.py, logs.py ─► orphans.py, screen.py

Promises: nothing is left half-started; what was started ends with `vigie down`; no root is needed.
Left to others: what the engines read (`vigie.render`) and what a person configures
(`vigie.settings`).
"""
