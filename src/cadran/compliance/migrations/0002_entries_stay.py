"""The database itself refuses to change what was said in a case. (Deleting stays possible: the law demands erasure at the end.)"""

from django.db import migrations

SQLITE = """
CREATE TRIGGER compliance_caseentry_stays BEFORE UPDATE ON compliance_caseentry
BEGIN SELECT RAISE(ABORT, 'what was said in a case stays'); END;
"""
POSTGRESQL = """
CREATE FUNCTION compliance_entry_stays() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'what was said in a case stays'; END $$;
CREATE TRIGGER compliance_caseentry_stays BEFORE UPDATE ON compliance_caseentry
FOR EACH ROW EXECUTE FUNCTION compliance_entry_stays();
"""


def add(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def remove(apps, schema_editor):
    on = "" if schema_editor.connection.vendor == "sqlite" else " ON compliance_caseentry"
    schema_editor.execute(f"DROP TRIGGER compliance_caseentry_stays{on}")
    if on:
        schema_editor.execute("DROP FUNCTION compliance_entry_stays()")


class Migration(migrations.Migration):
    dependencies = [("compliance", "0001_initial")]
    operations = [migrations.RunPython(add, remove)]
