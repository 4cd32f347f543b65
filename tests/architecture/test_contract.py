"""Every item of the specifications that is due has its model, its columns under the specified names, and its indexes."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

# (model, table, columns of the schema)
TABLES = [
    (
        "tasks.TaskFamily",
        "task_families",
        "family_id family_name description common_patterns avg_difficulty created_at",
    ),
    (
        "tasks.ArcTask",
        "arc_tasks",
        "task_id task_source difficulty_level train_examples test_input test_output family_id metadata_json created_at updated_at",
    ),
    (
        "experiments.TaskSubmission",
        "task_submissions",
        "submission_id task_id user_id predicted_output strategy_used confidence_score is_correct processing_time_ms "
        "resource_usage_json metadata_json submitted_at",
    ),
    (
        "experiments.StrategyMetric",
        "strategy_metrics",
        "metric_id strategy_type task_id success execution_time_ms confidence_score resource_cost error_type recorded_at",
    ),
    (
        "carbon.ResourceUsage",
        "resource_usage",
        "usage_id task_id strategy_type cpu_seconds memory_mb gpu_memory_mb api_calls_json total_tokens estimated_cost timestamp",
    ),
    (
        "experiments.Experiment",
        "experiments",
        "experiment_id name description hypothesis strategy_configs_json task_selection_json status created_at started_at "
        "completed_at created_by_id",
    ),
    (
        "experiments.ExperimentResult",
        "experiment_results",
        "result_id experiment_id task_id submission_id metrics_json recorded_at",
    ),
    (
        "core.SystemEvent",
        "system_events",
        "event_id event_type event_source severity message context_json stack_trace occurred_at resolved_at",
    ),
]
FIELDS = {
    "experiments.ExperimentRun": "run_id experiment_name task_ids strategy_config metrics status started_at completed_at error_log",
    "experiments.Experiment": "experiment_id name description hypothesis strategy_configs results insights created_at updated_at",
    "tasks.ArcTask": "task_id task_source difficulty_level train_examples test_input test_output family metadata created_at",
    "training.Dataset": "dataset_id name description size_bytes format num_samples created_at statistics",
    "training.TrainingJob": "name status base_model dataset eval_dataset recipe output_dir created_at started_at finished_at "
    "error_message total_steps model_id",
    "training.TrainingCheckpoint": "step artefact loss size_bytes created_at",
    "core.Job": "job_id kind queue status attempt lease_expires_at priority fair_tag progress",
    "core.JobAttempt": "job number worker outcome cpu_seconds wall_seconds peak_memory_mb",
    "core.JobEvent": "job seq type payload at",
}
INDEXES = {
    "task_submissions": {
        "idx_task_user": ["task_id", "user_id"],
        "idx_submitted_at": ["submitted_at"],
        "idx_submissions_strategy_success": ["strategy_used", "is_correct"],
    },
    "strategy_metrics": {
        "idx_strategy_task": ["strategy_type", "task_id"],
        "idx_metrics_strategy_date": ["strategy_type", "recorded_at"],
    },
    "resource_usage": {"idx_task_timestamp": ["task_id", "timestamp"]},
    "system_events": {"idx_severity_time": ["severity", "occurred_at"]},
}


@pytest.mark.parametrize(("label", "table", "columns"), TABLES)
def test_each_table_of_the_schema_has_its_model_and_columns(label: str, table: str, columns: str) -> None:
    model = apps.get_model(label)
    assert model._meta.db_table == table
    present = {field.column for field in model._meta.concrete_fields}
    assert not set(columns.split()) - present


@pytest.mark.parametrize(("label", "fields"), FIELDS.items())
def test_each_entity_of_the_domain_has_its_fields(label: str, fields: str) -> None:
    present = {field.name for field in apps.get_model(label)._meta.concrete_fields}
    assert not set(fields.split()) - present


@pytest.mark.django_db
@pytest.mark.parametrize(("table", "expected"), INDEXES.items())
def test_each_index_of_the_schema_exists_under_its_name(table: str, expected: dict[str, list[str]]) -> None:
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
    for name, columns in expected.items():
        assert name in constraints, f"{table} lacks {name}"
        assert constraints[name]["columns"] == columns


@pytest.mark.django_db
def test_the_full_text_index_of_system_events_exists() -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT count(*) FROM sqlite_master WHERE name = 'system_events_fts'")
        else:
            cursor.execute(
                "SELECT count(*) FROM pg_indexes WHERE tablename = 'system_events' AND indexdef LIKE '%gin%'"
            )
        assert cursor.fetchone()[0] >= 1


def test_every_named_constraint_says_where_it_stands() -> None:
    for model in apps.get_models():
        if model._meta.app_label not in {"core", "tasks", "experiments", "carbon", "training"}:
            continue
        for constraint in model._meta.constraints:
            assert constraint.name.startswith(f"{model._meta.app_label}_"), f"{model.__name__}: {constraint.name}"
