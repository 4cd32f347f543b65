"""JSON API of the core app: accounts, system, jobs and their metrics, services, the event log and artefacts."""

from __future__ import annotations

from ninja import Router

from apps.core.api.accounts import router as accounts_router
from apps.core.api.artefacts import router as artefacts_router
from apps.core.api.events import router as events_router
from apps.core.api.jobs import router as jobs_router
from apps.core.api.metrics import router as metrics_router
from apps.core.api.services import router as services_router
from apps.core.api.system import router as system_router

router = Router()
router.add_router("/auth", accounts_router)
router.add_router("/system", system_router)
router.add_router("/jobs", jobs_router)
router.add_router("/jobs", metrics_router)
router.add_router("/services", services_router)
router.add_router("/events", events_router)
router.add_router("/artefacts", artefacts_router)
