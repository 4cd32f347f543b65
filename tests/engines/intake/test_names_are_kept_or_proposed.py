"""A task's id is what its file says, whole; where that cannot be, a name is proposed and nothing is cut in silence."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tasks.engine import names
from apps.tasks.engine.intake.shelf import id_of
from tests.engines.intake.files import G, H, K, broken, good, read, task, zipped

COMMON = [
    "007bbfb7",
    "1.5x_zoom_of_the_shape_in_the_middle_of_the_grid_with_some_noise_around_it_and_a_frame_l6afd2k3",
    "Bouncing off (walls) [v2]",
    "don't touch the edges",
    "größer, kleiner; gleich!",
    "図形を回転する",
    "중력",
    "fill & count +1",
    "50~ percent = half",
    "🌱 sprout",
]


@pytest.mark.parametrize("name", COMMON)
def test_names_of_community_collections_stand_as_they_are(name: str) -> None:
    for files in (
        {f"{name}.json": task()},
        {"t.zip": zipped({f"set/{name}.json": task()})},
        {"all.json": {name: task()}},
    ):
        assert list(good(read(files))) == [name]


def test_equal_looks_are_equal_names() -> None:
    decomposed = unicodedata.normalize("NFD", "größe")
    assert list(good(read({f"{decomposed}.json": task()}))) == ["größe"]
    shelf = read({f"a/{decomposed}.json": task(), "b/größe.json": task(H, G)})
    assert [head.raw_id for head in shelf.heads] == ["größe", "größe"]
    assert len(broken(shelf)) == 2


LONG = "1.5x_zoom_of_" + "a_long_story_" * 20


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (LONG, "it is 273 characters long (273 bytes)"),
        ("日" * 90, "it is 90 characters long (270 bytes)"),
        ("a#b", "it holds '#'"),
        ("50%", "it holds '%'"),
        ("what?", "it holds '?'"),
        (".hidden", "begins with a dot"),
        ("-x", "begins with a dot, a dash"),
        ("ends ", "ends with a dot or a space"),
        ("tab\there", "U+0009"),
        ("bidi\u202eevil", "U+202E"),
        ("line\u2028end", "U+2028"),
    ],
)
def test_what_cannot_be_an_id_is_named_with_its_reason_and_a_proposal(name: str, reason: str) -> None:
    shelf = read({"all.json": {name: task(), "fine": task(H, G)}})
    assert list(good(shelf)) == ["fine"]
    (head,) = (head for head in shelf.heads if head.problem)
    assert head.raw_id == name
    assert reason in head.problem
    assert head.proposed in head.problem
    assert names.is_name(head.proposed)
    assert id_of(head, by_name=False, propose=True) == head.proposed
    assert id_of(head, by_name=False, propose=False) is None


def test_proposals_of_names_that_begin_alike_stay_apart() -> None:
    shelf = read(
        {f"{LONG}{end}.json": task(tests=[(G, [[n]])]) for n, end in enumerate("abc")}
        | {"a-b.json": task(K, K), "a#b.json": task(K, H)}
    )
    proposed = [head.proposed for head in shelf.heads if head.proposed]
    assert len(set(proposed)) == 4
    assert "a-b-2" in proposed


def test_the_same_upload_gets_the_same_proposals() -> None:
    files = {f"{LONG}{end}.json": task(tests=[(G, [[n]])]) for n, end in enumerate("abc")}
    first, second = (
        {head.raw_id: head.proposed for head in read({name: files[name] for name in order}).heads}
        for order in (list(files), list(reversed(files)))
    )
    assert first == second


@given(st.text(max_size=300))
def test_every_text_has_a_proposal_that_is_a_name(text: str) -> None:
    proposed = names.proposal(text)
    assert names.is_name(proposed)
    assert names.proposal(text, {proposed}) != proposed
    assert names.is_name(names.proposal(text, {proposed}))


@given(st.text(max_size=60).filter(names.is_name))
def test_a_name_survives_an_address_and_a_file(name: str) -> None:
    assert unquote(quote(name)) == name
    assert "/" not in name
    assert "\\" not in name
    assert names.composed(name) == name
    assert len(f"{name}.json".encode()) <= 255
    assert list(good(read({f"{name}.json": task()}))) == [name]
