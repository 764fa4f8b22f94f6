"""The WSGI application that `cadran web` serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cadran.settings")
application = get_wsgi_application()
