"""Faults on purpose, for drills. Installed with COACHING_FAULTS=1 only; never in production.

POST /faults {"latency_seconds": 1.5, "error_ratio": 0.2}
sets both; what is left out is 0, so `{}` ends every fault.
"""

import asyncio
import random

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field


class Faults(BaseModel):
    latency_seconds: float = Field(default=0.0, ge=0.0, le=600.0)
    error_ratio: float = Field(default=0.0, ge=0.0, le=1.0)


_present = Faults()


async def suffer() -> None:
    """A dependency of the routes that a fault shall reach."""
    await asyncio.sleep(_present.latency_seconds)
    if random.random() < _present.error_ratio:
        raise HTTPException(500, "A fault on purpose.")


def install(app: FastAPI) -> None:
    @app.post("/faults")
    def set_faults(wanted: Faults) -> Faults:
        global _present  # noqa: PLW0603 - one process has one set of faults
        _present = wanted
        return _present
