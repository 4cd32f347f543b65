"""Services: processes that serve until nobody wants them. docs/services.md explains them.

An app registers its kinds with `kinds.register`, then asks for one where it needs it:

    address = service_address(kind="model_server", key=model.pk, specification={...}, timeout=120, by=user)
    httpx.post(f"{address.url}/v1/chat/completions", headers=address.headers, json=...)
"""

from apps.core.serving.addresses import Address, address_of, service_address, service_wait
from apps.core.serving.kinds import Berth, Launch, Needs, Probe, ServiceKind
from apps.core.serving.wanting import service_restart, service_touch, service_unwant, service_want

__all__ = [
    "Address",
    "Berth",
    "Launch",
    "Needs",
    "Probe",
    "ServiceKind",
    "address_of",
    "service_address",
    "service_restart",
    "service_touch",
    "service_unwant",
    "service_wait",
    "service_want",
]
