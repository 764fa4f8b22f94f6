from pathlib import Path

from django.db import migrations

from cadran.units.schema import statements

HERE = Path(__file__).parent


class Migration(migrations.Migration):
    """Evidence of the house's file, and the chain of seals. No models: the tables are read and written by policy.proof alone."""

    dependencies = [("policy", "0001_initial")]
    operations = [
        migrations.RunSQL(statements(HERE / "0002_evidence.sql"), reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(statements(HERE / "0002_seals.sql"), reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(
            "INSERT INTO evidence_start SELECT 'policy_event', coalesce(max(id), 0) FROM policy_event",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
