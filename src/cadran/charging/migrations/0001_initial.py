from pathlib import Path

from django.db import migrations, models

from cadran.ledger.schema import statements
from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """Tables and triggers in SQL; the state that follows is what Django reads."""

    initial = True
    dependencies = [("ledger", "0001_initial")]
    operations = [
        SqlByDatabase(
            statements(Path(__file__).with_name("0001_sqlite.sql")),
            Path(__file__).with_name("0001_postgresql.sql").read_text("utf-8"),
            state_operations=[
                migrations.CreateModel(
                    name="Session",
                    fields=[
                        ("pk", models.CompositePrimaryKey("account", "session", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("account", models.TextField()),
                        ("session", models.TextField()),
                        ("state", models.TextField()),
                        ("body", models.TextField()),
                        ("granted_s", models.IntegerField(null=True)),
                        ("final", models.BooleanField()),
                        ("held_micros", models.BigIntegerField()),
                        ("seq", models.IntegerField()),
                        ("used_s", models.IntegerField()),
                        ("cdr_id", models.TextField()),
                        ("opened_at", models.DateTimeField()),
                    ],
                    options={"db_table": "charging_session"},
                ),
                migrations.CreateModel(
                    name="Cdr",
                    fields=[
                        ("pk", models.CompositePrimaryKey("account", "cdr_id", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("position", models.BigIntegerField()),
                        ("account", models.TextField()),
                        ("cdr_id", models.TextField()),
                        ("session", models.TextField()),
                        ("call_id", models.TextField()),
                        ("brand", models.TextField()),
                        ("terms", models.TextField()),
                        ("direction", models.TextField()),
                        ("number_class", models.TextField()),
                        ("destination", models.TextField()),
                        ("authorised_at", models.DateTimeField()),
                        ("answered_at", models.DateTimeField(null=True)),
                        ("ended_at", models.DateTimeField()),
                        ("disposition", models.TextField()),
                        ("ended_by", models.TextField()),
                        ("charged_s", models.IntegerField()),
                        ("charge_micros", models.BigIntegerField()),
                        ("currency", models.TextField()),
                        ("clause", models.TextField()),
                        ("loss_s", models.IntegerField()),
                        ("loss_micros", models.BigIntegerField()),
                        ("corrects", models.TextField()),
                        ("body", models.TextField()),
                    ],
                    options={"db_table": "charging_cdr"},
                ),
            ],
        ),
    ]
