"""Figures about keys."""

from typing import Annotated

from fastapi import Query

from keyferry.api.callers import Visiting
from keyferry.api.documented import READING
from keyferry.api.models.key_metrics import KeyMetricsAnswer, KeyMetricsQuery
from keyferry.api.routers import guarded_router

router = guarded_router("metrics")


@router.get("/key-metrics", responses=READING)
async def show_key_metrics(query: Annotated[KeyMetricsQuery, Query()], visit: Visiting) -> KeyMetricsAnswer:
    """Keys by state, type, age and owner; created, rotated, used and exported by day; expiring; pending destruction."""
    return KeyMetricsAnswer.of(await visit.ask(visit.custody.metrics.show, days=query.days))
