
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('journeys', '0003_drafts'),
    ]

    operations = [
        migrations.CreateModel(
            name='FollowedTo',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='CallCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('grain', models.CharField(max_length=4)),
                ('start', models.CharField(max_length=13)),
                ('brand', models.CharField(max_length=32)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('disposition', models.CharField(max_length=16)),
                ('calls', models.BigIntegerField(default=0)),
                ('seconds', models.BigIntegerField(default=0)),
                ('micros', models.BigIntegerField(default=0)),
                ('loss_micros', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('grain', 'start', 'brand', 'currency', 'disposition'), name='journeys_call_count_once')],
            },
        ),
        migrations.CreateModel(
            name='CreditCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.CharField(max_length=10)),
                ('brand', models.CharField(max_length=32)),
                ('currency', models.CharField(max_length=3)),
                ('micros', models.BigIntegerField()),
                ('held_micros', models.BigIntegerField()),
                ('customers', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'brand', 'currency'), name='journeys_credit_count_once')],
            },
        ),
        migrations.CreateModel(
            name='DestinationCount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('day', models.CharField(max_length=10)),
                ('brand', models.CharField(max_length=32)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('destination', models.CharField(max_length=80)),
                ('destination_en', models.CharField(blank=True, max_length=80)),
                ('calls', models.BigIntegerField(default=0)),
                ('seconds', models.BigIntegerField(default=0)),
                ('micros', models.BigIntegerField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('day', 'brand', 'currency', 'destination'), name='journeys_destination_count_once')],
            },
        ),
    ]
