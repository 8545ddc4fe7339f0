"""A small Django project, with a view for each thing that the instruments must get right.

Django can be set up once in a process, so all tests share it. They choose the middlewares and the
registry for themselves: see `watched_site.middleware`.
"""

from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

SECRET_KEY = "a secret that is long enough for HMAC with SHA-256"


def set_up(folder: Path) -> None:
    """Set Django up with a database file in `folder`."""
    apps = [
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "rest_framework",
        "rest_framework.authtoken",
        "rest_framework_simplejwt.token_blacklist",
    ]
    settings.configure(
        SECRET_KEY=SECRET_KEY,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="watched_site.urls",
        INSTALLED_APPS=apps,
        MIDDLEWARE=[],
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(folder / "site.sqlite3"),
                "OPTIONS": {"timeout": 0.2},
            }
        },
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        MIGRATION_MODULES=dict.fromkeys((app.rpartition(".")[2] for app in apps), None),
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"registration/login.html": "{{ form.non_field_errors }}"},
                        )
                    ]
                },
            }
        ],
        USE_TZ=True,
        LANGUAGES=[("en", "English"), ("fr", "Français"), ("pt-br", "Português")],
        LOGIN_REDIRECT_URL="/hello/",
        LOGGING_CONFIG=None,
        REST_FRAMEWORK={
            "DEFAULT_AUTHENTICATION_CLASSES": [
                "rest_framework_simplejwt.authentication.JWTAuthentication"
            ],
            "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        },
        SIMPLE_JWT={"ROTATE_REFRESH_TOKENS": True, "BLACKLIST_AFTER_ROTATION": True},
    )
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
