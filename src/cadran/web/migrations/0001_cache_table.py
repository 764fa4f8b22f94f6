"""The table of the shared cache, in which rate limits are counted."""

from django.core.management import call_command
from django.db import migrations


def add(apps, schema_editor):
    call_command("createcachetable", "web_cache", database=schema_editor.connection.alias, verbosity=0)


def remove(apps, schema_editor):
    schema_editor.execute("DROP TABLE web_cache")


class Migration(migrations.Migration):
    dependencies = []
    operations = [migrations.RunPython(add, remove)]
