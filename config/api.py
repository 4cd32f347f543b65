"""The one NinjaAPI: every app's router behind the same doors, one shape of error."""

from __future__ import annotations

from django.conf import settings

from apps.carbon.api import router as carbon_router
from apps.core.api import router as core_router
from apps.core.api.base import TerrariumAPI
from apps.core.api_auth import BearerAuth, SessionAuth
from apps.experiments.api import router as experiments_router
from apps.tasks.api import router as tasks_router
from apps.training.api import router as training_router

api = TerrariumAPI(
    title="Terrarium",
    version=settings.VERSION,
    description="Sign in by session, or send an API key or a short-lived token as `Authorization: Bearer`.",
    urls_namespace="api",
    auth=[BearerAuth(), SessionAuth()],
    openapi_url=None,
    docs_url=None,
)
api.add_router("", core_router)
api.add_router("/tasks", tasks_router)
api.add_router("/experiments", experiments_router)
api.add_router("/training", training_router)
api.add_router("/carbon", carbon_router)
