"""The ASGI application: pages and API by HTTP, live streams by websocket."""

import gc
import os
from importlib import import_module

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application

http = get_asgi_application()

from apps.core.databases.sqlite.base import stay_open  # noqa: E402 - after Django is set up
from apps.core.edge.bodies import BodyGate  # noqa: E402 - after Django is set up
from apps.core.edge.heads import bound_heads  # noqa: E402 - after Django is set up
from apps.core.edge.proxy import TrustedProxies, disarm_server  # noqa: E402 - after Django is set up
from apps.core.live.handshake import OwnOrigin  # noqa: E402 - after Django is set up
from config.routing import websocket_urlpatterns  # noqa: E402

disarm_server()
bound_heads()
stay_open()
application = TrustedProxies(
    ProtocolTypeRouter(
        {
            "http": BodyGate(http),  # type: ignore[arg-type]  # its messages are mappings, ours dictionaries
            "websocket": OwnOrigin(URLRouter(websocket_urlpatterns)),
        }
    ),
    settings.CONFIG.trusted_networks,
)

# What is loaded stays: walked again by every full collection, it would hold up some request for a fifth of a second.
for name in (settings.ROOT_URLCONF, "bokeh.embed", "bokeh.plotting"):
    import_module(name)
gc.collect()
gc.freeze()
