"""JSON API: families of tasks."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query
from ninja.responses import Status

from apps.core.access import member
from apps.core.api.schemas import SuccessResponse
from apps.core.pagination import Page, paginate
from apps.tasks import queries, schemas, services
from apps.tasks.api.router import router


@router.get("/families", response=Page[schemas.FamilyOut], summary="Task families")
def list_families(request: HttpRequest, paging: Query[schemas.FamilyQuery]) -> Any:
    """By name."""
    found = queries.families(paging.search.replace("\x00", ""))
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=schemas.family_out)


@router.post("/families", response={201: schemas.FamilyOut}, summary="Make a family (curators)")
def create_family(request: HttpRequest, body: schemas.FamilyIn) -> Any:
    """Names are unique."""
    by = member(request)
    family = services.family_create(**body.model_dump(), by=by)
    return Status(201, schemas.family_out(queries.family_get(family.pk)))


@router.get("/families/{family_id}", response=schemas.FamilyOut, summary="A family")
def get_family(request: HttpRequest, family_id: str) -> Any:
    """With the number of its tasks; list those with `?family=`."""
    return schemas.family_out(queries.family_get(family_id))


@router.patch("/families/{family_id}", response=schemas.FamilyOut, summary="Change a family (curators)")
def change_family(request: HttpRequest, family_id: str, body: schemas.FamilyChange) -> Any:
    """What is left out stays."""
    by = member(request)
    queries.family_get(family_id)
    services.family_update(family_id=family_id, by=by, **body.model_dump(exclude_none=True))
    return schemas.family_out(queries.family_get(family_id))


@router.delete("/families/{family_id}", response=SuccessResponse, summary="Delete a family (curators)")
def delete_family(request: HttpRequest, family_id: str) -> Any:
    """Its tasks stay, in none."""
    by = member(request)
    family = queries.family_get(family_id)
    services.family_delete(family_id=family_id, by=by)
    return {"message": f"Family {family.family_name} is gone; its tasks stay."}
