"""A small ASGI service, for servers with several workers.

/work answers, /pid says which worker does, /hang never answers, /metrics is scraped.
"""

import asyncio
import os

from fastapi import FastAPI

from vigie.instrument.asgi import PrometheusMiddleware, metrics_endpoint

app = FastAPI()
app.add_middleware(PrometheusMiddleware)
app.get("/metrics")(metrics_endpoint)


@app.get("/work")
async def work() -> str:
    return "done"


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/hang")
async def hang() -> None:
    await asyncio.Event().wait()
