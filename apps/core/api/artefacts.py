"""JSON API: files the lab keeps, by the SHA-256 of their content."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Path, Query, Router, Schema
from pydantic import Field

from apps.core.artefacts import artefact_get, download, folder_parts
from apps.core.models import Artefact, ArtefactPart
from apps.core.pagination import Page, PageQuery, paginate

router = Router(tags=["artefacts"])

Sha256 = Annotated[str, Path(max_length=64, description="64 hexadecimal digits.")]


class ArtefactOut(Schema):
    """A file, or the manifest of a folder."""

    sha256: str
    size: int = Field(ge=0, description="Bytes.")
    media_type: str
    is_folder: bool = Field(description="Its files are at `/files`.")
    created_at: datetime
    checked_at: datetime | None = Field(description="When its file was last read whole and compared.")
    damage: str | None = Field(description="`missing` or `damaged`, as last seen.")


class PartOut(Schema):
    """A file of a folder."""

    name: str
    sha256: str
    size: int = Field(ge=0)


@router.get("/{sha256}", response=ArtefactOut, summary="One artefact")
def artefacts_get(request: HttpRequest, sha256: Sha256) -> dict[str, Any]:
    """What is known of it; the bytes are at `/content`."""
    artefact = artefact_get(sha256)
    return {**_out(artefact), "is_folder": folder_parts(artefact).exists()}


@router.get("/{sha256}/files", response=Page[PartOut], summary="Files of a folder")
def artefacts_files(request: HttpRequest, sha256: Sha256, paging: Query[PageQuery]) -> dict[str, Any]:
    """By name; empty when it is no folder. Each is an artefact of its own."""
    found = folder_parts(artefact_get(sha256))
    return paginate(found, page=paging.page, page_size=paging.page_size, serialize=_part)


@router.get(
    "/{sha256}/content",
    summary="The bytes of an artefact",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file. One `Range` is honoured (206), `If-None-Match` too: the hash is the ETag.",
                "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def artefacts_content(
    request: HttpRequest,
    sha256: Sha256,
    name: Annotated[str, Query(max_length=200, description="What to call the file.")] = "",
) -> HttpResponseBase:
    """As a file to save, streamed."""
    return download(request, artefact_get(sha256), name=name)


def _out(artefact: Artefact) -> dict[str, Any]:
    return {
        "sha256": artefact.pk,
        "size": artefact.size,
        "media_type": artefact.media_type,
        "created_at": artefact.created_at,
        "checked_at": artefact.checked_at,
        "damage": artefact.damage or None,
    }


def _part(part: ArtefactPart) -> dict[str, Any]:
    return {"name": part.name, "sha256": part.file_id, "size": part.file.size}
