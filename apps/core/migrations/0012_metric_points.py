"""Points of what jobs measure, their latest values beside the job, and blocks that sum up long curves."""

import django.db.models.deletion
from django.db import migrations, models

from apps.core.triggers import without_rowid


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_keys_end_with_their_makers'),
    ]

    operations = [
        migrations.CreateModel(
            name='MetricSeries',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=250)),
                ('first_step', models.BigIntegerField()),
                ('last_step', models.BigIntegerField()),
                ('last_value', models.FloatField(blank=True, null=True)),
                ('last_nonfinite', models.CharField(blank=True, choices=[('', 'a number'), ('nan', 'not a number'), ('inf', 'infinite'), ('-inf', 'negative infinite')], default='', max_length=4)),
                ('last_at', models.DateTimeField()),
                ('written', models.BigIntegerField()),
                ('shift', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('levels', models.PositiveSmallIntegerField(default=0)),
                ('job', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='metric_series', to='core.job')),
            ],
        ),
        migrations.CreateModel(
            name='MetricPoint',
            fields=[
                ('pk', models.CompositePrimaryKey('series', 'step', blank=True, editable=False, primary_key=True, serialize=False)),
                ('step', models.BigIntegerField()),
                ('value', models.FloatField(blank=True, null=True)),
                ('nonfinite', models.CharField(blank=True, choices=[('', 'a number'), ('nan', 'not a number'), ('inf', 'infinite'), ('-inf', 'negative infinite')], default='', max_length=4)),
                ('at', models.DateTimeField()),
                ('series', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='points', to='core.metricseries')),
            ],
        ),
        migrations.CreateModel(
            name='MetricBlock',
            fields=[
                ('pk', models.CompositePrimaryKey('series', 'level', 'block', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.PositiveSmallIntegerField()),
                ('block', models.BigIntegerField()),
                ('low', models.FloatField(blank=True, null=True)),
                ('low_step', models.BigIntegerField(blank=True, null=True)),
                ('high', models.FloatField(blank=True, null=True)),
                ('high_step', models.BigIntegerField(blank=True, null=True)),
                ('nonfinite_step', models.BigIntegerField(blank=True, null=True)),
                ('nonfinite', models.CharField(blank=True, choices=[('', 'a number'), ('nan', 'not a number'), ('inf', 'infinite'), ('-inf', 'negative infinite')], default='', max_length=4)),
                ('series', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='core.metricseries')),
            ],
        ),
        migrations.AddConstraint(
            model_name='metricseries',
            constraint=models.UniqueConstraint(fields=('job', 'key'), name='core_metricseries_key_once'),
        ),
        migrations.AddConstraint(
            model_name='metricseries',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('last_nonfinite', ''), ('last_value__gte', -1.7976931348623157e+308), ('last_value__isnull', False), ('last_value__lte', 1.7976931348623157e+308)), models.Q(('last_nonfinite__in', ['nan', 'inf', '-inf']), ('last_value__isnull', True)), _connector='OR'), name='core_metricseries_finite_or_told'),
        ),
        migrations.AddConstraint(
            model_name='metricseries',
            constraint=models.CheckConstraint(condition=models.Q(('first_step__gte', -9007199254740991), ('first_step__lte', models.F('last_step')), ('last_step__lte', 9007199254740991), ('written__gte', 1)), name='core_metricseries_steps_range'),
        ),
        migrations.AddConstraint(
            model_name='metricpoint',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('nonfinite', ''), ('value__gte', -1.7976931348623157e+308), ('value__isnull', False), ('value__lte', 1.7976931348623157e+308)), models.Q(('nonfinite__in', ['nan', 'inf', '-inf']), ('value__isnull', True)), _connector='OR'), name='core_metricpoint_finite_or_told'),
        ),
        without_rowid("core_metricpoint"),
        without_rowid("core_metricblock"),
    ]
