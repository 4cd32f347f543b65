"""`{% load experiments %}`: the cells of the matrix, drawn without a template each: there may be thousands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape  # what Django wraps, without the wrapping: a matrix has thousands

from django import template
from django.utils.safestring import SafeString, mark_safe

from apps.core import words
from apps.core.templatetags.ui import ago
from apps.experiments.models import Solve
from apps.experiments.queries import ExperimentRow
from apps.experiments.queries.matrix import Cell, Matrix, MatrixRow, column_labels, symbol_of, words_of
from apps.experiments.rows import row_html
from apps.experiments.strategies import title_of

register = template.Library()

BLOCK = 40
"""Columns of one block of the matrix: what a wide screen holds. Longer runs wrap into further blocks."""


def cell_html(cell: Cell, base: str, query: str = "", *, oob: bool = False, current: bool = False) -> str:
    """One cell: a link to its page, with its shape, its colour and its words."""
    marks = ' hx-swap-oob="true"' if oob else ""
    marks += ' aria-current="true"' if current else ""
    flash = " flash" if oob else ""
    symbol = cell.symbol
    return (
        f'<a class="cell cell-{symbol}{flash}" id="c{cell.position}" href="{base}cells/{cell.position}/{query}" '
        f'title="{escape(cell.title)}"{marks} tabindex="-1"><svg viewBox="0 0 16 16" aria-hidden="true">'
        f'<use href="#m-{symbol}"/></svg></a>'
    )


def cells_html(cells: Iterable[Cell], base: str) -> str:
    """Cells for a live page."""
    return "".join(cell_html(cell, base, oob=True) for cell in cells)


@register.simple_tag
def matrix_blocks(matrix: Matrix, experiment_id: str, query: str = "") -> SafeString:
    """The matrix as tables of at most `BLOCK` columns."""
    base = f"/experiments/{experiment_id}/"
    seeds = len({row.seed for row in matrix.rows}) > 1
    names = [_row_name(row, seeds) for row in matrix.rows]
    blocks = range(0, len(matrix.task_ids), BLOCK)
    labels = column_labels(matrix.task_ids)
    return mark_safe("".join(_block(matrix, names, labels, start, base, query) for start in blocks))  # noqa: S308 - escaped in the parts


def _row_name(row: MatrixRow, seeds: bool) -> str:
    seed = f'<span class="muted small"> seed {row.seed}</span>' if seeds else ""
    return f'<th scope="row"><span class="matrix-name">{escape(title_of(row.strategy))}</span>{seed}</th>'


def _block(matrix: Matrix, names: Sequence[str], labels: Sequence[str], start: int, base: str, query: str) -> str:
    part = slice(start, start + BLOCK)
    heads = "".join(
        f'<th scope="col"><a href="/tasks/{escape(task_id)}/" title="{escape(task_id)}" tabindex="-1">'
        f"{escape(label)}</a></th>"
        for task_id, label in zip(matrix.task_ids[part], labels[part], strict=True)
    )
    body = "".join(
        f"<tr>{name}" + "".join(f"<td>{cell_html(cell, base, query)}</td>" for cell in row.cells[part]) + "</tr>"
        for name, row in zip(names, matrix.rows, strict=True)
    )
    return f'<table class="matrix"><thead><tr><th><span class="sr-only">Strategy</span></th>{heads}</tr></thead><tbody>{body}</tbody></table>'


@register.simple_tag
def cell_strip(cells: Iterable[Cell], base: str, query: str, current: int) -> SafeString:
    """A stretch of one row of the matrix, the cell looked at marked."""
    drawn = (cell_html(cell, base, query, current=cell.position == current) for cell in cells)
    return mark_safe("".join(drawn))  # noqa: S308 - escaped in the parts


@register.simple_tag
def cell_rows(solves: Iterable[Solve], base: str, query: str = "") -> SafeString:
    """Cells as rows of a table; drawn without a template each, fifty a page."""
    return mark_safe("".join(_cell_row(solve, base, query) for solve in solves))  # noqa: S308 - escaped in the parts


def live_cell_rows(solves: Iterable[Solve], base: str) -> str:
    """Rows for a live page: those it does not show are passed over. In a template, for a row stands in nothing else."""
    rows = "".join(_cell_row(solve, base, "", ' hx-swap-oob="true" class="flash"') for solve in solves)
    return f"<template>{rows}</template>" if rows else ""


def _cell_row(solve: Solve, base: str, query: str, marks: str = "") -> str:
    symbol, ended = symbol_of(solve), solve.finished_at is not None
    strategy = escape(title_of(solve.strategy))
    figures = (
        words.money(solve.dollars if ended else None),
        words.energy(solve.joules if ended else None),
        str(solve.tries),
    )
    return (
        f'<tr id="r{solve.position}"{marks}><td class="cell-main"><a class="row-link mono" href="{base}cells/{solve.position}/{query}">'
        f'{escape(solve.task_id)}</a><div class="small muted ellipsis only-narrow">{strategy} · seed {solve.seed}</div></td>'
        f'<td class="only-wide">{strategy}</td><td class="num only-wide">{solve.seed}</td>'
        f'<td class="fit"><span class="result cell-{symbol}">'
        f'<svg class="legend-mark" viewBox="0 0 16 16" aria-hidden="true"><use href="#m-{symbol}"/></svg>'
        f'<span class="ink">{escape(words_of(solve))}</span></span></td>'
        f'<td class="num">{words.effort(solve.core_seconds if ended else None)}</td>'
        + "".join(f'<td class="num only-wide">{figure}</td>' for figure in figures)
        + f'<td class="num muted only-wide">{ago(solve.finished_at)}</td></tr>'
    )


@register.simple_tag
def experiment_rows(rows: Iterable[ExperimentRow]) -> SafeString:
    """Experiments as rows of their list."""
    return mark_safe("".join(map(row_html, rows)))  # noqa: S308 - escaped in the parts


@register.filter
def milliseconds(value: int) -> float:
    """Milliseconds as seconds."""
    return value / 1000


@register.simple_tag
def strategy_titles(names: Iterable[str]) -> str:
    """The titles of several strategies."""
    return ", ".join(title_of(name) for name in names)


@register.filter
def strategy_title(name: str) -> str:
    """A strategy's title by its name."""
    return title_of(name)
