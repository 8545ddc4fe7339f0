"""Settings of the coaching API. What differs between machines is read in `environment.py`."""

from datetime import timedelta

from coaching import environment
from vigie.instrument import logs, traces

_secret = environment.shared_secret()

SECRET_KEY = environment.own_secret(_secret)
DEBUG = False
ALLOWED_HOSTS = environment.allowed_hosts()
ROOT_URLCONF = "coaching.urls"
WSGI_APPLICATION = "coaching.wsgi.application"
ASGI_APPLICATION = "coaching.asgi.application"

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "accounts",
    "training",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "monitoring_middleware.PrometheusMiddleware",
    "monitoring_middleware.AuthFailureMiddleware",
]
if environment.faults_switched_on():
    MIDDLEWARE.append("faults.FaultMiddleware")

DATABASES = {"default": environment.database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = [
    # Memory-hard, and half the time of PBKDF2's million rounds: a login is then no slow request.
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "PAGE_SIZE": 20,
    # The counts are in this process's memory: with N workers, a client has N times the rate.
    "DEFAULT_THROTTLE_RATES": {
        "login": environment.rate("COACHING_LOGIN_RATE", "300/min"),
        "register": environment.rate("COACHING_REGISTER_RATE", "120/min"),
    },
    # A forged X-Forwarded-For makes no new client. Behind a proxy, write 1 here, and the proxy's
    # address in VIGIE_TRUSTED_PROXIES.
    "NUM_PROXIES": 0,
}

SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": _secret,
    "ISSUER": "coaching",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
}

LANGUAGE_CODE = "en"
LANGUAGES = [("fr", "Français"), ("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True

LOGGING_CONFIG = None  # Django's own: Vigie's stands in its place
# A refused request is the client's affair, and counted; only what broke is logged.
logs.setup("django", levels={"django.request": "error"})
traces.setup("django")
