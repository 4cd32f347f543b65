"""The database refuses grids outside ARC's rules, and keeps `updated_at` true, whoever writes.

A grid is compared as text: its JSON, every digit made a 0, must equal the text that a grid of its n rows and w columns
has ("[[0,0],[0,0]]"; PostgreSQL writes a space behind each comma). Anything else in it, a longer number, a sign, a
fraction, a ragged row, makes the texts differ. That is one comparison a grid instead of one a cell, so that importing
thousands of tasks stays fast.
"""

from django.db import migrations

from apps.core.triggers import per_vendor, updated_at_trigger

WORDS = (
    "a task needs at least one demonstration and one test, grids of 1 to 30 rows by 1 to 30 columns of whole "
    "numbers 0 to 9, and test_input and test_output equal to the first test"
)


def _sqlite_bad_grid(pair: str, side: str) -> str:
    rows, columns = f"json_array_length({pair}, '$.{side}')", f"json_array_length({pair}, '$.{side}[0]')"
    digits = f"json_extract({pair}, '$.{side}')"
    for digit in "123456789":
        digits = f"replace({digits}, '{digit}', '0')"
    line = f"'[' || substr(replace(hex(zeroblob({columns})), '00', ',0'), 2) || ']'"
    expected = f"'[' || substr(replace(hex(zeroblob({rows})), '00', ',' || {line}), 2) || ']'"
    return f"""CASE
        WHEN json_type({pair}, '$.{side}') IS NOT 'array' THEN 1
        WHEN {rows} NOT BETWEEN 1 AND 30 THEN 1
        WHEN json_type({pair}, '$.{side}[0]') IS NOT 'array' THEN 1
        WHEN {columns} NOT BETWEEN 1 AND 30 THEN 1
        ELSE {digits} IS NOT {expected} END"""


def _sqlite_bad_pairs(pairs: str, withheld: bool) -> str:
    bad_output = _sqlite_bad_grid("pair.value", "output")
    if withheld:
        bad_output = f"(json_type(pair.value, '$.output') IS NOT 'null' AND {bad_output})"
    return f"""CASE
        WHEN {pairs} IS NULL OR NOT json_valid({pairs}) THEN 1
        WHEN json_type({pairs}) IS NOT 'array' OR json_array_length({pairs}) < 1 THEN 1
        ELSE EXISTS (
            SELECT 1 FROM json_each({pairs}) AS pair WHERE CASE WHEN pair.type <> 'object' THEN 1
            ELSE {_sqlite_bad_grid("pair.value", "input")} OR {bad_output} END
        ) END"""


SQLITE_FIRST = """CASE WHEN NEW.test_input IS NULL OR NOT json_valid(NEW.test_input) THEN 1
    WHEN json(NEW.test_input) IS NOT json_extract(NEW.tests, '$[0].input') THEN 1
    WHEN NEW.test_output IS NULL THEN json_extract(NEW.tests, '$[0].output') IS NOT NULL
    WHEN NOT json_valid(NEW.test_output) THEN 1
    ELSE json(NEW.test_output) IS NOT json_extract(NEW.tests, '$[0].output') END"""


def _sqlite_triggers(table: str, name: str, columns: str, first: bool) -> list[str]:
    bad = f"{_sqlite_bad_pairs('NEW.train_examples', False)} OR {_sqlite_bad_pairs('NEW.tests', True)}"
    if first:
        bad += f" OR {SQLITE_FIRST}"
    refuse = f"BEGIN SELECT RAISE(ABORT, '{name}: {WORDS}') WHERE {bad}; END"
    return [
        f"CREATE TRIGGER {name}_insert BEFORE INSERT ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {name}_update BEFORE UPDATE OF {columns} ON {table} FOR EACH ROW {refuse}",
    ]


POSTGRES_FUNCTIONS = [
    r"""CREATE OR REPLACE FUNCTION tasks_is_grid(grid jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        rows integer;
        columns integer;
        line text;
    BEGIN
        IF grid IS NULL OR jsonb_typeof(grid) <> 'array' THEN
            RETURN false;
        END IF;
        rows := jsonb_array_length(grid);
        IF rows NOT BETWEEN 1 AND 30 OR jsonb_typeof(grid->0) <> 'array' THEN
            RETURN false;
        END IF;
        columns := jsonb_array_length(grid->0);
        IF columns NOT BETWEEN 1 AND 30 THEN
            RETURN false;
        END IF;
        line := '[' || substr(repeat(', 0', columns), 3) || ']';
        RETURN translate(grid::text, '123456789', '000000000')
            = '[' || substr(repeat(', ' || line, rows), 3) || ']';
    END $$""",
    r"""CREATE OR REPLACE FUNCTION tasks_are_pairs(pairs jsonb, withheld boolean) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE AS $$
    DECLARE
        pair jsonb;
    BEGIN
        IF pairs IS NULL OR jsonb_typeof(pairs) <> 'array' OR jsonb_array_length(pairs) < 1 THEN
            RETURN false;
        END IF;
        FOR pair IN SELECT jsonb_array_elements(pairs) LOOP
            IF jsonb_typeof(pair) <> 'object' OR NOT tasks_is_grid(pair->'input') THEN
                RETURN false;
            END IF;
            IF NOT tasks_is_grid(pair->'output')
                AND NOT (withheld AND coalesce(jsonb_typeof(pair->'output') = 'null', false)) THEN
                RETURN false;
            END IF;
        END LOOP;
        RETURN true;
    END $$""",
]
POSTGRES_FIRST = """NEW.test_input IS DISTINCT FROM NEW.tests->0->'input'
    OR NEW.test_output IS DISTINCT FROM nullif(NEW.tests->0->'output', 'null'::jsonb)"""


def _postgres_triggers(table: str, name: str, columns: str, first: bool) -> list[str]:
    bad = "NOT tasks_are_pairs(NEW.train_examples, false) OR NOT tasks_are_pairs(NEW.tests, true)"
    if first:
        bad += f" OR {POSTGRES_FIRST}"
    return [
        f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF {bad} THEN
                RAISE EXCEPTION '{name}: {WORDS}'
                    USING ERRCODE = 'check_violation', TABLE = '{table}', CONSTRAINT = '{name}';
            END IF;
            RETURN NEW;
        END $$""",
        f"""CREATE TRIGGER {name} BEFORE INSERT OR UPDATE OF {columns} ON {table}
            FOR EACH ROW EXECUTE FUNCTION {name}()""",
    ]


GUARDED = (
    ("arc_tasks", "tasks_arctask_grids", "train_examples, tests, test_input, test_output", True),
    ("tasks_arctaskversion", "tasks_version_grids", "train_examples, tests", False),
)


class Migration(migrations.Migration):

    dependencies = [
        ("tasks", "0002_small_columns_for_lists"),
    ]

    operations = [
        per_vendor(
            sqlite=[statement for guarded in GUARDED for statement in _sqlite_triggers(*guarded)],
            undo_sqlite=[
                f"DROP TRIGGER IF EXISTS {name}_{event}" for _, name, _, _ in GUARDED for event in ("insert", "update")
            ],
            postgresql=POSTGRES_FUNCTIONS
            + [statement for guarded in GUARDED for statement in _postgres_triggers(*guarded)],
            undo_postgresql=[
                *(f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, name, _, _ in GUARDED),
                *(f"DROP FUNCTION IF EXISTS {name}()" for _, name, _, _ in GUARDED),
                "DROP FUNCTION IF EXISTS tasks_are_pairs(jsonb, boolean)",
                "DROP FUNCTION IF EXISTS tasks_is_grid(jsonb)",
            ],
        ),
        updated_at_trigger("arc_tasks", "task_id"),
    ]
