"""The one NinjaAPI: every app's router, one shape of error."""

from __future__ import annotations

from ninja import NinjaAPI

from apps.core.api import router as core_router
from apps.experiments.api import router as experiments_router
from apps.tasks.api import router as tasks_router

api = NinjaAPI(title="Terrarium", version="1", urls_namespace="api")
api.add_router("", core_router)
api.add_router("/tasks", tasks_router)
api.add_router("/experiments", experiments_router)
