"""A row of the list of experiments, and the parts of it that move: drawn without a template each, dozens a page."""

from __future__ import annotations

from html import escape

from apps.core import words
from apps.core.templatetags.ui import ago, badge
from apps.experiments.queries import ExperimentRow
from apps.experiments.strategies import title_of

_NOTHING = '<span class="muted">–</span>'
_SMALL = '<span class="small tnum muted">'


def row_html(row: ExperimentRow) -> str:
    """The whole row."""
    one = row.experiment
    more = ", ".join(title_of(name) for name in row.strategies)
    if len(one.seeds) > 1:
        more += f" · {words.plural(len(one.seeds), 'seed')}"
    if row.run and row.run.number > 1:
        more += f" · run {row.run.number}"
    return (
        f'<tr id="row-{one.pk}"><td class="cell-main"><a class="row-link clamp" href="/experiments/{one.pk}/">'
        f'{escape(one.name)}</a><div class="small muted ellipsis">{escape(more)}</div></td>'
        f'<td class="fit">{_state(row)}</td><td class="only-wide">{_progress(row)}</td>'
        f'<td class="num">{_score(row)}</td><td class="num only-wide">{_cost(row)}</td>'
        f'<td class="only-wide"><span class="ellipsis owner">{escape(one.created_by.username)}</span></td>'
        f'<td class="num muted only-wide">{ago(one.created_at)}</td></tr>'
    )


def moving_html(row: ExperimentRow) -> str:
    """What of a row may have changed, for a live page."""
    mark = ' hx-swap-oob="true"'
    return _state(row, mark) + _progress(row, mark) + _score(row, mark) + _cost(row, mark)


def _state(row: ExperimentRow, mark: str = "") -> str:
    return f'<span id="state-{row.experiment.pk}"{mark}>{badge(row.state)}</span>'


def _progress(row: ExperimentRow, mark: str = "") -> str:
    return f'<span class="row-progress" id="progress-{row.experiment.pk}"{mark}>{_how_far(row)}</span>'


def _how_far(row: ExperimentRow) -> str:
    """While it moves, how far it is and when it ends, or what it waits for; then how many cells it has."""
    progress, totals = row.progress, row.totals
    if progress is None:
        if totals and totals.cancelled:
            return f"{_SMALL}{words.count(totals.done)} of {words.plural(totals.cells, 'cell')}</span>"
        return f"{_SMALL}{words.plural(row.run.cells_total, 'cell')}</span>" if row.run else _NOTHING
    done = f"{words.count(progress.done)} of {words.count(progress.total)}"
    waiting = progress.waiting_for
    if waiting is None:
        eta = f" · ETA {words.clock(progress.eta_seconds)}" if progress.eta_seconds else ""
        return (
            f'<progress class="bar" max="{progress.total}" value="{progress.ended}" '
            f'aria-label="Progress of {escape(row.experiment.name)}"></progress>{_SMALL}{done}{eta}</span>'
        )
    ready = waiting.preparation
    said = "getting ready" if ready else waiting.words
    if ready and ready.total:
        said = f"{words.count(ready.done)} of {words.count(ready.total)}"
    return f"{_SMALL}{escape(said)}{f' · {done}' if progress.ended else ''}</span>"


def _score(row: ExperimentRow, mark: str = "") -> str:
    said = "–"
    if row.macro is not None:
        said = f'<span class="strong">{words.pct(row.macro)}</span>'
        if row.macro_low is not None:
            said += f'<div class="small muted">{words.interval(row.macro_low, row.macro_high)}</div>'
    return f'<div id="score-{row.experiment.pk}"{mark}>{said}</div>'


def _cost(row: ExperimentRow, mark: str = "") -> str:
    return f'<span id="cost-{row.experiment.pk}"{mark}>{words.money(row.dollars)}</span>'
