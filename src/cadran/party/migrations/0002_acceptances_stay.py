"""The database itself refuses to change an acceptance. (Deleting stays possible: the law demands erasure at the end.)"""

from django.db import migrations

SQLITE = """
CREATE TRIGGER party_termsacceptance_stays BEFORE UPDATE ON party_termsacceptance
BEGIN SELECT RAISE(ABORT, 'an acceptance is append-only'); END;
"""
POSTGRESQL = """
CREATE FUNCTION party_acceptance_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'an acceptance is append-only'; END $$;
CREATE TRIGGER party_termsacceptance_stays BEFORE UPDATE ON party_termsacceptance
FOR EACH ROW EXECUTE FUNCTION party_acceptance_stays();
"""


def add(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def remove(apps, schema_editor):
    on = "" if schema_editor.connection.vendor == "sqlite" else " ON party_termsacceptance"
    schema_editor.execute(f"DROP TRIGGER party_termsacceptance_stays{on}")
    if on:
        schema_editor.execute("DROP FUNCTION party_acceptance_stays()")


class Migration(migrations.Migration):
    dependencies = [("party", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
