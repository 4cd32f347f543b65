"""The lists of the training app, declared."""

from __future__ import annotations

from apps.core.lists import Choice, Column, Empty, ListPage, Search, Sort, options
from apps.core.models import Role, User
from apps.training.models import DatasetFormat, DatasetOrigin, DatasetState
from apps.training.queries import datasets as queries


def _nothing(user: User) -> Empty:
    if not user.has_role(Role.RESEARCHER):
        return Empty("No dataset yet", "Researchers of the lab bring them; they are listed here.", icon="training")
    return Empty("No dataset yet", "Datasets are what models are trained on; they are listed here.", icon="training")


DATASETS = ListPage(
    name="datasets",
    title="Datasets",
    noun="dataset",
    url="training:datasets",
    rows=lambda _user: queries.datasets(),
    search=Search("Name, words or id", queries.datasets_matching),
    filters=(
        Choice("state", "State", options(DatasetState), "state"),
        Choice("format", "Format", options(DatasetFormat), "format"),
        Choice("origin", "From", options(DatasetOrigin), "origin"),
        Choice("owner", "Owner", lambda: [(name, name) for name in queries.owners()], "owner__username", open=True),
    ),
    sorts={
        "-created": Sort(("-created_at", "-dataset_id")),
        "created": Sort(("created_at", "dataset_id")),
        "name": Sort(("name", "-version", "dataset_id")),
        "-name": Sort(("-name", "-version", "dataset_id")),
        "samples": Sort(("num_samples", "dataset_id")),
        "-samples": Sort(("-num_samples", "-dataset_id")),
        "size": Sort(("size_bytes", "dataset_id")),
        "-size": Sort(("-size_bytes", "-dataset_id")),
    },
    first_sort="-created",
    columns=(
        Column("Dataset", sort="name"),
        Column("State"),
        Column("Format", wide=True),
        Column("Examples", sort="samples", first="desc", num=True),
        Column("Size", sort="size", first="desc", num=True, wide=True),
        Column("Owner", wide=True),
        Column("Created", sort="created", first="desc", num=True, wide=True),
    ),
    row="training/_dataset_row.html",
    page_size=25,
    nothing=_nothing,
)
