"""Uploads live in the storage and are written behind an import that is not shown yet; ids may be long.

The drafts that wait are dropped: they last a day and can be uploaded again.
"""

import django.db.models.deletion
import functools
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import apps.core.ids
import apps.tasks.models


class Widen(migrations.AlterField):
    """More room in a text column. SQLite keeps no lengths, and rewriting its table would take the triggers away."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):

    dependencies = [
        ("core", "0001_initial"),
        ("tasks", "0005_content_index_knows_the_split"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.DeleteModel("TaskImportDraft"),
        migrations.CreateModel(
            name="TaskImport",
            fields=[
                ("import_id", models.CharField(default=functools.partial(apps.core.ids.new_id, *("import",), **{}), editable=False, max_length=40, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=apps.tasks.models.new_number, editable=False, unique=True)),
                ("dataset", models.CharField(max_length=32)),
                ("dataset_version", models.CharField(blank=True, default="", max_length=64)),
                ("task_source", models.CharField(blank=True, choices=[("training", "Training"), ("evaluation", "Evaluation"), ("test", "Test")], default="", max_length=16)),
                ("sets", models.JSONField(default=list)),
                ("choices", models.JSONField(default=dict)),
                ("at_once", models.BooleanField(default=False)),
                ("skip_invalid", models.BooleanField(default=False)),
                ("state", models.CharField(choices=[("reading", "Reading"), ("ready", "Ready"), ("writing", "Writing"), ("done", "Done"), ("failed", "Failed")], default="reading", max_length=8)),
                ("is_shown", models.BooleanField(default=False)),
                ("writer", models.CharField(blank=True, default="", max_length=80)),
                ("total", models.PositiveIntegerField(default=0)),
                ("written", models.PositiveIntegerField(default=0)),
                ("report", models.JSONField(default=dict)),
                ("error", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("job", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="core.job")),
                ("owner", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="task_imports", to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["created_at"], name="tasks_import_age"),
                    models.Index(condition=Q(("is_shown", False)), fields=["number"], name="tasks_import_hidden"),
                ],
                "constraints": [
                    models.CheckConstraint(condition=Q(("state__in", ["reading", "ready", "writing", "done", "failed"])), name="tasks_import_state_known"),
                    models.CheckConstraint(condition=Q(("task_source", ""), ("task_source__in", ["training", "evaluation", "test"]), _connector="OR"), name="tasks_import_source_known"),
                    models.CheckConstraint(condition=Q(Q(("state", "done"), _negated=True), Q(("finished_at__isnull", False), ("is_shown", True)), _connector="OR"), name="tasks_import_done_means_shown"),
                ],
            },
        ),
        # Null for what no import brought: a column that must have a value would make SQLite rewrite the table.
        migrations.AddField("arctask", "arrival", models.BigIntegerField(blank=True, editable=False, null=True)),
        Widen("arctask", "task_id", models.CharField(max_length=240, primary_key=True, serialize=False)),
        Widen("arctask", "raw_id", models.CharField(max_length=200)),
        *(
            migrations.RemoveIndex("arctask", name)
            for name in ("tasks_arctask_split", "tasks_arctask_content", "tasks_arctask_gallery")
        ),
        migrations.AddIndex("arctask", models.Index(fields=["dataset", "task_source", "task_id", "arrival"], name="tasks_arctask_split")),
        migrations.AddIndex("arctask", models.Index(fields=["content_hash", "dataset", "task_source", "arrival"], name="tasks_arctask_content")),
        migrations.AddIndex(
            "arctask",
            models.Index(
                fields=["task_id", "dataset", "task_source", "difficulty_level", "family", "max_side", "colour_count", "same_size", "train_count", "test_count", "arrival"],
                name="tasks_arctask_gallery",
            ),
        ),
    ]
