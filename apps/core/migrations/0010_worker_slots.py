from django.db import migrations, models


def share_out(apps, schema_editor):
    """A worker said how many jobs it runs over all its queues: equal shares, until it says more."""
    for worker in apps.get_model("core", "Worker").objects.all():
        share = max(1, worker.concurrency // max(1, len(worker.queues)))
        worker.slots = dict.fromkeys(worker.queues, share)
        worker.save(update_fields=["slots"])


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0009_jobs_that_last'),
    ]

    operations = [
        migrations.AddField(
            model_name='worker',
            name='boot_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=40),
        ),
        migrations.AddField(
            model_name='worker',
            name='slots',
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name='worker',
            name='warming',
            field=models.JSONField(blank=True, db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.RunPython(share_out, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='worker',
            name='concurrency',
            field=models.PositiveSmallIntegerField(db_column='concurrency', db_default=0, default=0, editable=False),
        ),
        migrations.AlterField(
            model_name='worker',
            name='queues',
            field=models.JSONField(db_column='queues', db_default=models.Value([], models.JSONField()), default=list, editable=False),
        ),
        migrations.AlterField(
            model_name='worker',
            name='running',
            field=models.PositiveSmallIntegerField(db_column='running', db_default=0, default=0, editable=False),
        ),
        migrations.RenameField(model_name='worker', old_name='concurrency', new_name='old_concurrency'),
        migrations.RenameField(model_name='worker', old_name='queues', new_name='old_queues'),
        migrations.RenameField(model_name='worker', old_name='running', new_name='old_running'),
    ]
