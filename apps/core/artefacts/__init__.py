"""Files of the lab, by their content. docs/artefacts.md explains them.

Store the bytes first, outside any transaction; then write them down in the transaction of the row that refers to them,
through a foreign key to `core.Artefact` with `on_delete=PROTECT`. What nothing refers to is collected.
"""

from apps.core.artefacts.collecting import artefacts_collect
from apps.core.artefacts.downloads import download
from apps.core.artefacts.reading import artefact_get, artefact_open, folder_parts
from apps.core.artefacts.store import store
from apps.core.artefacts.writing import artefact_record, artefact_renew, artefact_store, folder_record, folder_store

__all__ = [
    "artefact_get",
    "artefact_open",
    "artefact_record",
    "artefact_renew",
    "artefact_store",
    "artefacts_collect",
    "download",
    "folder_parts",
    "folder_record",
    "folder_store",
    "store",
]
