"""Django's settings, derived from the environment by `chat.conf`."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.utils.functional import SimpleLazyObject

from chat import assets, conf, cookie_names, service_urls
from chatsite import sqlite
from chatsite.turns import Turns

try:
    CHAT = conf.read()
except conf.BadSetting as error:
    raise SystemExit(f"chatsite: {error}") from None

# As it is before Django sets it to TIME_ZONE; chat.apps puts it back (chat/machine_time.py).
MACHINE_TZ = os.environ.get("TZ")

BASE_DIR = conf.ROOT
DEBUG = CHAT.debug
SECRET_KEY = CHAT.secret_key
ALLOWED_HOSTS = list(CHAT.allowed_hosts)
ROOT_URLCONF = "chatsite.urls"
# Larger bodies wait in a file while they come: on uvicorn Django reads them, and many may stay unfinished for a while.
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
ASGI_APPLICATION = "chatsite.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = CHAT.time_zone
LANGUAGE_CODE = "en"
USE_I18N = True
# English is what the sentences are written in; each other one has its catalog in LOCALE_PATHS (CONTRIBUTING.md).
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
# Named beside the application's own, so that our words go before those of other applications.
LOCALE_PATHS = [BASE_DIR / "chat" / "locale"]
APPEND_SLASH = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    # Always there, since rows of accounts refer to it: without a provider it has no address and does nothing.
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    # Finds files anew at each request; else chat/static_files.py answers before Django.
    *(["servestatic.middleware.ServeStaticMiddleware"] if DEBUG else []),
    "chat.pages.private.private",
    "chat.old_cookies.OldCookies",
    "chat.accounts.cookies.Sessions",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Before whatever may refuse a request by a page.
    "chat.accounts.language.Language",
    "django.middleware.common.CommonMiddleware",
    "chat.csrf.Csrf",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "axes.middleware.AxesMiddleware",
    "chat.accounts.locked.attempts",
    # Last: whatever may refuse a form has done so, and messages are not written yet.
    "chat.pages.once.Once",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            # Every form has a key, those of Django's admin too.
            "builtins": ["chat.templatetags.once"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Django's own, each at most once at a time in a process: chat/hashing.py.
PASSWORD_HASHERS = [f"chat.hashing.{name}" for name in ("PBKDF2", "PBKDF2SHA1", "Argon2", "BCryptSHA256", "Scrypt")]
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]

DATABASES = {"default": service_urls.database(CHAT.database_url)}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    CHAT.var_dir.mkdir(parents=True, exist_ok=True)
    # WAL lets readers go on beside the writer; IMMEDIATE makes a writer wait its turn instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        "factory": sqlite.Connection,
    }
    TURN: Any = Turns(Path(DATABASES["default"]["NAME"]))
else:
    TURN = contextlib.nullcontext
    # Nothing outlives a transaction: behind PgBouncer the next one may run on another connection.
    DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
    # A partition would otherwise hold a query for many minutes (milliseconds; tcp(7), TCP_USER_TIMEOUT).
    DATABASES["default"]["OPTIONS"] = {
        "connect_timeout": 3,
        "tcp_user_timeout": 5000,
        **DATABASES["default"].get("OPTIONS", {}),
    }
    # Requests run in few threads, each of which keeps its connection (chat/requests.py, ADR 22), and asks whether it
    # still answers before it is used.
    DATABASES["default"] = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **DATABASES["default"]}


# Set since redis-py has 5 s of its own, after which an idle subscriber dies (channels_redis#422).
REDIS_LIMITS: dict[str, object] = {"socket_timeout": 1, "socket_connect_timeout": 1}
if CHAT.clustered:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                "hosts": [service_urls.redis_host(url, REDIS_LIMITS) for url in CHAT.redis_urls],
                "prefix": "chatsite",
            },
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "chat.layers.MemoryChannelLayer"}}

# Pages work without `collectstatic`: the files are found where the applications keep them. Lazy,
# since the files' version takes the applications, which take the settings.
STATIC_URL = "static/" if DEBUG else SimpleLazyObject(lambda: f"static/{assets.installed().version}/")
STATIC_ROOT = CHAT.var_dir / "static"
SERVESTATIC_USE_FINDERS = True
SERVESTATIC_AUTOREFRESH = DEBUG

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Nothing inline, nothing from elsewhere: what gets into a page as markup neither runs nor tells anybody of it.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
# Django's check looks for its own class by name; chat.csrf.Csrf is a subclass of it.
SILENCED_SYSTEM_CHECKS = ["security.W003"]
CSRF_FAILURE_VIEW = "chat.pages.stale.stale"
# Pages of SITE_URL are this site's own, whatever a proxy tells of the Host.
CSRF_TRUSTED_ORIGINS = [CHAT.site_url] if CHAT.site_url else []
if CHAT.https_only:
    SECURE_SSL_REDIRECT = True
    # The port of http is not the one of https: where SITE_URL says which host and port, lead there.
    SECURE_SSL_HOST = CHAT.site_url.removeprefix("https://") if CHAT.site_url.startswith("https://") else None
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # HSTS for this host only: what holds for the subdomains of a host, or in browsers' lists, is its owner's to say.
    SILENCED_SYSTEM_CHECKS += ["security.W005", "security.W021"]
SESSION_ENGINE = "chat.session_store"
COOKIE_SUFFIX = CHAT.cookie_suffix or cookie_names.suffix_of(SECRET_KEY)
SESSION_COOKIE_NAME = cookie_names.name("sessionid", COOKIE_SUFFIX, CHAT.https_only)
CSRF_COOKIE_NAME = cookie_names.name("csrftoken", COOKIE_SUFFIX, CHAT.https_only)
MESSAGE_COOKIE_NAME = cookie_names.name("messages", COOKIE_SUFFIX, CHAT.https_only)
LANGUAGE_COOKIE_NAME = cookie_names.name("language", COOKIE_SUFFIX, CHAT.https_only)
MESSAGE_STORAGE = "chat.messages.Storage"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
LOGIN_URL = "accounts:sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

# Ten wrong passwords for an account from an address, and nobody signs in to it from there for a while. Elsewhere its
# owner still can, so that nobody is locked out by somebody else.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_LOCKOUT_CALLABLE = "chat.accounts.locked.locked_out"
# What comes while it is locked does not begin the time anew: the page has told when it ends.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
# Proxies has put the client's own address there, by TRUSTED_PROXIES.
AXES_CLIENT_IP_CALLABLE = "chat.accounts.addresses.address_of"
# And too many from one address for whichever accounts, and nobody signs in from there.
AXES_HANDLER = "chat.accounts.locked.Handler"
# What a form held is kept beside the count; not these: passwords, and where `next` leads to by an invitation's link.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "old_password", "new_password1", "new_password2", "next"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

vars().update(service_urls.mail(CHAT.email_url))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = SERVER_EMAIL = CHAT.email_from

# What comes from the provider is taken as it is: it is the operator's. Addresses connect no accounts, and nobody is
# asked for more.
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_SIGNUP_FIELDS = ["username*", "email"]
ACCOUNT_ADAPTER = "chat.accounts.sso.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "chat.accounts.sso.Adapter"
SOCIALACCOUNT_STORE_TOKENS = False
# By a link: a form may lead to this site only (form-action), and the provider may lead on to any.
SOCIALACCOUNT_LOGIN_ON_GET = True
if CHAT.oidc:
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": CHAT.oidc.name,
                    "client_id": CHAT.oidc.client_id,
                    "secret": CHAT.oidc.client_secret,
                    "settings": {"server_url": CHAT.oidc.server_url},
                }
            ],
        }
    }

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"class": "chatsite.logs.Masking", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    },
    "filters": {
        "one_line": {"()": "chatsite.logs.OneLine"},
        "seldom": {"()": "chatsite.logs.Seldom"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "chat": {"level": "INFO"},
        "chatsite": {"level": "INFO"},
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        # Anybody can send a wrong Host; a dead Redis fails its receiver each second, and the link says so once.
        "django.security.DisallowedHost": {"filters": ["one_line"]},
        "channels_redis.pubsub": {"filters": ["seldom"], "level": "ERROR"},
    },
}
