"""Stored figures that nobody measured become null; they were written as 0 and read as results."""

from django.db import migrations

SHARES = ("macro", "macro_low", "macro_high", "micro", "micro_low", "micro_high", "strict", "strict_share")
BOUNDS = ("strict_low", "strict_high")
COSTS = ("core_seconds", "wall_seconds", "dollars", "joules")


def _blank(figures, names):
    return {name: None if name in names else value for name, value in figures.items()}


def unmeasured(results):
    """The same figures with null for what was not measured."""
    rows = []
    for row in results.get("rows", []):
        row = row if row.get("scored") else _blank(row, (*SHARES, *BOUNDS))
        row = row if row.get("outputs") else _blank(row, ("micro", "micro_low", "micro_high"))
        rows.append(row if row.get("done") else _blank(row, COSTS))
    totals = results.get("totals", {})
    totals = totals if totals.get("scored_tasks") else _blank(totals, SHARES)
    totals = totals if totals.get("done") else _blank(totals, COSTS)
    return {**results, "rows": rows, "totals": totals}


def forwards(apps, schema_editor):
    for model, column in (("Experiment", "results"), ("ExperimentRun", "metrics")):
        rows = apps.get_model("experiments", model).objects.exclude(**{column: {}})
        for pk, stored in rows.values_list("pk", column).iterator(chunk_size=200):
            known = unmeasured(stored)
            if known != stored:
                rows.filter(pk=pk).update(**{column: known})


class Migration(migrations.Migration):

    dependencies = [
        ("experiments", "0003_solved_tasks_by_index"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
