"""promtool, which comes with Prometheus: the judge of rules, run by the project's own way to it."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from pathlib import Path

from vigie.stack import binaries


@functools.cache
def promtool() -> Path:
    """The executable beside Prometheus'."""
    found = binaries.find_all()["prometheus"].tool("promtool")
    assert found is not None, "this Prometheus came without promtool"
    return found


def run(*arguments: str | Path) -> tuple[bool, str]:
    """Whether promtool was content, and what it said."""
    done = subprocess.run(
        [promtool(), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode == 0, done.stdout + done.stderr


def alerts_told(output: str) -> list[dict[str, dict[str, str]]]:
    """The alerts that promtool found where it expected others."""
    told = []
    for got in re.findall(r"got:\[\n(.*?)\n\s*\]", output, re.DOTALL):
        for labels, texts in re.findall(r"Labels:\{(.*)\}\n\s*Annotations:\{(.*)\}", got):
            pairs = _pairs(labels)
            del pairs["alertname"]  # promtool adds it by itself
            told.append({"exp_labels": pairs, "exp_annotations": _pairs(texts)})
    return told


def _pairs(text: str) -> dict[str, str]:
    found = re.findall(r'(\w+)=("(?:\\.|[^"\\])*")', text)
    return {name: json.loads(value) for name, value in found}
