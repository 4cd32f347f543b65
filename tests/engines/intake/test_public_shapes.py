"""What people have is taken as what it is, and the rest is named."""

from __future__ import annotations

import pytest

from tests.engines.intake.files import good, read, said, truths
from tests.engines.intake.public_shapes import UPLOADS


@pytest.mark.parametrize("name", UPLOADS)
def test_every_shape_gives_its_tasks_and_names_the_rest(name: str) -> None:
    upload = UPLOADS[name]
    for files in (upload.files, dict(reversed(upload.files.items()))):
        shelf = read(files)
        assert good(shelf) == upload.tasks
        words = said(shelf) + "".join(f"\n{one.count} files: {one.why}" for one in shelf.left_out)
        for part in upload.said:
            assert part in words
        for raw_id in upload.solved:
            assert None not in truths(shelf, raw_id)


@pytest.mark.parametrize("name", UPLOADS)
def test_nothing_of_a_shape_vanishes(name: str) -> None:
    """Each file is either where a task came from, or in the words, or both."""
    upload = UPLOADS[name]
    shelf = read(upload.files)
    words = said(shelf) + "".join(head.file for head in shelf.heads) + "".join(one.file for one in shelf.solutions)
    assert [file for file in upload.files if file.removesuffix(".gz") not in words] == []
