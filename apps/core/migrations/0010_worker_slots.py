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
            field=models.CharField(blank=True, default='', max_length=40),
        ),
        migrations.AddField(
            model_name='worker',
            name='slots',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='worker',
            name='warming',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.RunPython(share_out, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='worker',
            name='concurrency',
        ),
        migrations.RemoveField(
            model_name='worker',
            name='queues',
        ),
        migrations.RemoveField(
            model_name='worker',
            name='running',
        ),
    ]
