from pathlib import Path

from django.db import migrations, models

from cadran.ledger.schema import statements
from cadran.units.migrating import SqlByDatabase


class Migration(migrations.Migration):
    """Tables and triggers in SQL; the state that follows is what Django reads."""

    initial = True
    dependencies = []
    operations = [
        SqlByDatabase(
            statements(Path(__file__).with_name("0001_sqlite.sql")),
            Path(__file__).with_name("0001_postgresql.sql").read_text("utf-8"),
            state_operations=[
                migrations.CreateModel(
                    name="Account",
                    fields=[
                        ("pk", models.CompositePrimaryKey("owner", "name", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("owner", models.TextField()),
                        ("name", models.TextField()),
                        ("currency", models.TextField()),
                        ("floor_micros", models.BigIntegerField(null=True)),
                        ("balance_micros", models.BigIntegerField(null=True)),
                        ("held_micros", models.BigIntegerField(null=True)),
                        ("opened_at", models.DateTimeField()),
                    ],
                    options={"db_table": "ledger_account"},
                ),
                migrations.CreateModel(
                    name="Transfer",
                    fields=[
                        ("pk", models.CompositePrimaryKey("owner", "transfer", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("owner", models.TextField()),
                        ("transfer", models.TextField()),
                        ("kind", models.TextField()),
                        ("reservation", models.TextField()),
                        ("debit_owner", models.TextField()),
                        ("debit_name", models.TextField()),
                        ("credit_owner", models.TextField()),
                        ("credit_name", models.TextField()),
                        ("currency", models.TextField()),
                        ("amount_micros", models.BigIntegerField()),
                        ("released_micros", models.BigIntegerField()),
                        ("at", models.DateTimeField()),
                        ("reason", models.TextField()),
                    ],
                    options={"db_table": "ledger_transfer"},
                ),
                migrations.CreateModel(
                    name="Posting",
                    fields=[
                        ("pk", models.CompositePrimaryKey("owner", "transfer", "leg", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("owner", models.TextField()),
                        ("transfer", models.TextField()),
                        ("leg", models.SmallIntegerField()),
                        ("account_owner", models.TextField()),
                        ("account_name", models.TextField()),
                        ("currency", models.TextField()),
                        ("amount_micros", models.BigIntegerField()),
                    ],
                    options={"db_table": "ledger_posting"},
                ),
            ],
        ),
    ]
