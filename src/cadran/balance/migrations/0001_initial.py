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
                    name="Wallet",
                    fields=[
                        ("owner", models.TextField(primary_key=True, serialize=False)),
                        ("brand", models.TextField()),
                        ("currency", models.TextField()),
                        ("opened_at", models.DateTimeField()),
                    ],
                    options={"db_table": "balance_wallet"},
                ),
                migrations.CreateModel(
                    name="Bucket",
                    fields=[
                        ("pk", models.CompositePrimaryKey("owner", "bucket", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("owner", models.TextField()),
                        ("bucket", models.TextField()),
                        ("currency", models.TextField()),
                        ("brand", models.TextField()),
                        ("terms", models.TextField()),
                        ("bought_micros", models.BigIntegerField()),
                        ("balance_after_micros", models.BigIntegerField()),
                        ("available_from", models.DateTimeField()),
                        ("first_expires_at", models.DateTimeField()),
                        ("expires_at", models.DateTimeField()),
                        ("expired_at", models.DateTimeField(null=True)),
                    ],
                    options={"db_table": "balance_bucket"},
                ),
                migrations.CreateModel(
                    name="Validity",
                    fields=[
                        ("pk", models.CompositePrimaryKey("owner", "bucket", "purchase", blank=True, editable=False, primary_key=True, serialize=False)),
                        ("owner", models.TextField()),
                        ("bucket", models.TextField()),
                        ("purchase", models.TextField()),
                        ("expires_at", models.DateTimeField()),
                        ("clause", models.TextField()),
                        ("terms", models.TextField()),
                        ("at", models.DateTimeField()),
                    ],
                    options={"db_table": "balance_validity"},
                ),
            ],
        ),
    ]
