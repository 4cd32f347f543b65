"""JSON API of the tasks app. What stands under a task's id is registered last: the other addresses look like ids too."""

from apps.tasks.api.router import router  # isort: skip
from apps.tasks.api import many, exports, imports, families, one  # isort: skip

__all__ = ["exports", "families", "imports", "many", "one", "router"]
