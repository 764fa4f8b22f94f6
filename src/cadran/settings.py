"""Settings of every Cadran process, from the environment. Secrets come from the environment or from files of the state folder
that the first start makes with mode 0600; nothing secret is written here."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from pathlib import Path
from typing import Any

from cadran.units.clock import CivilClock, OffsetClock, SystemClock
from cadran.units.errors import InvalidInput
from cadran.units.postgresql_reads import address

SOURCE = Path(__file__).resolve().parent
PROJECT = SOURCE.parents[1]


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").strip().lower() in {"1", "true", "yes", "on"}


class InvalidSetting(InvalidInput):
    """A variable of the environment that cannot be read, or a state folder that cannot be used."""

    error_id = "settings-invalid"


def _port(name: str, default: int) -> int:
    text = os.environ.get(name, str(default)).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        moved = "" if name in os.environ else ": CADRAN_PORT_BASE leaves no room for it, choose 49000 at most"
        raise InvalidSetting(f"{name} is a port from 1 to 65535, not {text[:20]!r}{moved}")
    return int(text)


def _count(name: str, default: int, *, most: int) -> int:
    text = os.environ.get(name, str(default)).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= most):
        raise InvalidSetting(f"{name} is a number from 1 to {most}, not {text[:20]!r}")
    return int(text)


def _seconds(name: str, default: str) -> float:
    text = os.environ.get(name, default).strip()
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,3})?", text):
        raise InvalidSetting(f"{name} is a number of seconds such as 10 or 0.5, not {text[:20]!r}")
    return float(text)


def _brand_hosts(text: str) -> dict[str, str]:
    found = {}
    for pair in filter(None, (one.strip() for one in text.split(","))):
        host, equals, brand = pair.partition("=")
        if not (host and equals and re.fullmatch(r"[a-z][a-z0-9-]{0,29}", brand)):
            raise InvalidSetting(f"write CADRAN_BRAND_HOSTS as host=brand,host=brand, not {pair[:60]!r}")
        found[host.lower()] = brand
    return found


VAR = Path(os.environ.get("CADRAN_VAR", PROJECT / "var")).resolve()
BRANDS = Path(os.environ.get("CADRAN_BRANDS", PROJECT / "brands")).resolve()
PUBLISHED = (
    VAR / "brands"
)  # versions of terms published from the back office: <brand>/terms/, read after the brand's folder
SANDBOX = _flag("CADRAN_SANDBOX", True)
PUBLIC = _flag("CADRAN_PUBLIC")
# The brand of a host that names none; CADRAN_BRAND_HOSTS gives others theirs: `calls.example=ippi,cards.example=kryptoow`.
BRAND = os.environ.get("CADRAN_BRAND", "ippi")
BRAND_HOSTS = _brand_hosts(os.environ.get("CADRAN_BRAND_HOSTS", ""))


def secret(name: str) -> str:
    """A secret by name: CADRAN_SECRET_<NAME> of the environment, else a file of the state folder, made at first use."""
    if from_env := os.environ.get(f"CADRAN_SECRET_{name.upper()}"):
        return from_env
    path = VAR / "secrets" / name
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_secret(path)
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(
            f"cannot use the state folder {VAR}: {error}; give one of your own in CADRAN_VAR, or mend its rights"
        ) from error


def _make_secret(path: Path) -> None:
    """Written whole before it has its name, so that no other process reads half of it; the first one wins."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(48))
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()


# The civil clock of every process: the wall clock, or in a sandbox the wall clock and what `cadran clock advance` added.
CLOCK_FILE = VAR / "clock.json"
CIVIL_CLOCK: CivilClock = OffsetClock(CLOCK_FILE) if SANDBOX else SystemClock()

# Addresses: one base port moves the whole installation, so that several can run side by side.
HOST = os.environ.get("CADRAN_HOST", "127.0.0.1")
PORT_BASE = _port("CADRAN_PORT_BASE", 8000)
WEB_PORT = _port("CADRAN_WEB_PORT", PORT_BASE)
SANDBOX_CARD_PORT = _port("CADRAN_SANDBOX_CARD_PORT", PORT_BASE + 1)
SANDBOX_BANK_PORT = _port("CADRAN_SANDBOX_BANK_PORT", PORT_BASE + 2)
SANDBOX_MAIL_PORT = _port("CADRAN_SANDBOX_MAIL_PORT", PORT_BASE + 3)
SANDBOX_SMTP_PORT = _port("CADRAN_SANDBOX_SMTP_PORT", PORT_BASE + 4)
METRICS_PORT = _port("CADRAN_METRICS_PORT", PORT_BASE + 5)
SIP_HOST = os.environ.get("CADRAN_SIP_HOST", HOST)
SIP_PORT = _port("CADRAN_SIP_PORT", 5060 if PORT_BASE == 8000 else PORT_BASE + 60)
SIP_REALM = os.environ.get("CADRAN_SIP_REALM", "cadran.local")
SANDBOX_CARRIER_PORT = _port("CADRAN_SANDBOX_CARRIER_PORT", 5080 if PORT_BASE == 8000 else PORT_BASE + 80)
SANDBOX_CARRIER2_PORT = _port("CADRAN_SANDBOX_CARRIER2_PORT", 5090 if PORT_BASE == 8000 else PORT_BASE + 90)
SANDBOX_CARRIER_CONTROL_PORT = _port("CADRAN_SANDBOX_CARRIER_CONTROL_PORT", PORT_BASE + 6)
SANDBOX_WITNESS_PORT = _port("CADRAN_SANDBOX_WITNESS_PORT", PORT_BASE + 7)
# For outside switches. Keys travel in its headers: beyond this machine it speaks TLS, or stands behind a proxy that does.
CHARGING_API_HOST = os.environ.get("CADRAN_CHARGING_API_HOST", "127.0.0.1")
CHARGING_API_PORT = _port("CADRAN_CHARGING_API_PORT", PORT_BASE + 8)
CHARGING_API_CERTIFICATE = os.environ.get("CADRAN_CHARGING_API_CERTIFICATE", "")
CHARGING_API_CERTIFICATE_KEY = os.environ.get("CADRAN_CHARGING_API_CERTIFICATE_KEY", "")
CHARGING_API_CLEARTEXT = _flag("CADRAN_CHARGING_API_CLEARTEXT")
# RADIUS for switches that speak nothing else, where clients are named: name=address=brand+brand,…; their secrets are
# CADRAN_SECRET_RADIUS_<NAME>. A client is told once how long a call may last: so many seconds at most are held at its start.
RADIUS_CLIENTS = os.environ.get("CADRAN_RADIUS_CLIENTS", "")
RADIUS_HOST = os.environ.get("CADRAN_RADIUS_HOST", "127.0.0.1")
RADIUS_AUTH_PORT = _port("CADRAN_RADIUS_AUTH_PORT", 1812 if PORT_BASE == 8000 else PORT_BASE + 12)
RADIUS_ACCT_PORT = _port("CADRAN_RADIUS_ACCT_PORT", 1813 if PORT_BASE == 8000 else PORT_BASE + 13)
RADIUS_GRANT_S = int(_seconds("CADRAN_RADIUS_GRANT_S", "3600"))
# Below 32768: where the system itself picks ports for phones of this machine, the relay must not listen.
RTP_PORT_MIN = _port("CADRAN_RTP_PORT_MIN", 20000 if PORT_BASE == 8000 else 10000 + PORT_BASE // 1000 % 10 * 2000)
RTP_PORT_MAX = _port("CADRAN_RTP_PORT_MAX", RTP_PORT_MIN + 1998)
SANDBOX_CARRIER_RTP_PORT = _port("CADRAN_SANDBOX_CARRIER_RTP_PORT", RTP_PORT_MAX + 2)
_port("the last of the sandbox carriers' media ports", SANDBOX_CARRIER_RTP_PORT + 1999)
CHARGING_SOCKET = VAR / "run" / "charging.sock"
MEDIA_SOCKET = VAR / "run" / "media.sock"
SIP_SOCKET = VAR / "run" / "sip.sock"

# Django
SECRET_KEY = secret("django")
DEBUG = False
PUBLIC_URL = os.environ.get("CADRAN_PUBLIC_URL", f"http://{HOST}:{WEB_PORT}")
ALLOWED_HOSTS = [
    *os.environ.get("CADRAN_ALLOWED_HOSTS", "localhost,.localhost,127.0.0.1,[::1],testserver").split(","),
    *BRAND_HOSTS,
]
# Each brand's host posts forms to itself; behind a TLS front Django sees http, and must be told that https is meant.
CSRF_TRUSTED_ORIGINS = list(dict.fromkeys([PUBLIC_URL, *(f"https://{host}" for host in BRAND_HOSTS)]))
ROOT_URLCONF = "cadran.web.urls"
WSGI_APPLICATION = "cadran.web.wsgi.application"
AUTH_USER_MODEL = "party.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SITE_ID = 1

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "cadran.policy",
    "cadran.ledger",
    "cadran.party",
    "cadran.party.keys",
    "cadran.party.calling",
    "cadran.catalog",
    "cadran.numbering",
    "cadran.numbering.access",
    "cadran.numbering.proofs",
    "cadran.balance",
    "cadran.payment",
    "cadran.payment.vouchers",
    "cadran.charging",
    "cadran.compliance",
    "cadran.voice",
    "cadran.voice.callback",
    "cadran.voice.switches",
    "cadran.voice.access",
    "cadran.messaging",
    "cadran.messaging.webhooks",
    "cadran.invoicing",
    "cadran.journeys",
    "cadran.journeys.callback_orders",
    "cadran.web",
    "cadran.web.api",
]
MIDDLEWARE = [
    "cadran.web.middleware.AccessLog",
    "cadran.web.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "cadran.web.serving.ServedBrand",
    "cadran.web.api.doorway.Doorway",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "cadran.web.accounts.gates.NotedSignIn",
    "cadran.web.middleware.RequiredChange",
    "cadran.web.accounts.gates.NewTerms",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [SOURCE / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cadran.web.context.site",
            ]
        },
    }
]


def _sqlite(name: str, synchronous: str = "FULL") -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(VAR / name),
        "CONN_MAX_AGE": 600,  # seconds: opening a file and its pragmas again for each page costs a millisecond a file
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 10,
            "init_command": f"PRAGMA journal_mode=WAL;PRAGMA synchronous={synchronous};PRAGMA foreign_keys=ON",
        },
    }


# Where the money lies: charging.db of the state folder, or a PostgreSQL database.
CHARGING_DATABASE = os.environ.get("CADRAN_CHARGING_DATABASE", "")

# How many processes share the accounts between them, each with a socket and evidence of its own (docs/how-to/shards.md).
CHARGING_SHARDS = _count("CADRAN_CHARGING_SHARDS", 1, most=16)
if CHARGING_SHARDS > 1 and not CHARGING_DATABASE:
    raise InvalidSetting("a file has one writer: CADRAN_CHARGING_SHARDS above 1 needs CADRAN_CHARGING_DATABASE")
CHARGING_SOCKETS = (CHARGING_SOCKET, *(VAR / "run" / f"charging-{n}.sock" for n in range(1, CHARGING_SHARDS)))

# Three files, each with one writer side: the house (web, jobs, commands), the money (the charging process alone), the
# calls in progress and registrations (the SIP process alone). See docs/decisions.
DATABASES = {
    "default": _sqlite("cadran.db"),
    "charging": address.read(CHARGING_DATABASE) if CHARGING_DATABASE else _sqlite("charging.db"),
    "voice": _sqlite("voice.db", synchronous="NORMAL"),
}
DATABASE_ROUTERS = ["cadran.settings.RoomRouter"]
_FILE_OF_APP = {
    "ledger": "charging",
    "balance": "charging",
    "charging": "charging",
    "voice": "voice",
    "callback": "voice",
    "voice_access": "voice",
}


class RoomRouter:
    """Each room's tables lie in one file: ledger, balance and charging with the money, voice with the calls, the rest in the house."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return _FILE_OF_APP.get(model._meta.app_label, "default")

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return self.db_for_read(one) == self.db_for_read(other)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == _FILE_OF_APP.get(app_label, "default")


PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_ADAPTER = "cadran.web.adapter.AccountAdapter"
ACCOUNT_FORMS = {"signup": "cadran.web.accounts.signup_form.SignupForm"}
ACCOUNT_PRESERVE_USERNAME_CASING = False
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS = 3
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True  # in the browser that signed up, and nowhere else
ACCOUNT_EMAIL_NOTIFICATIONS = True  # a changed password, a new way to sign in: told by mail
ACCOUNT_SESSION_REMEMBER = False
# Second factor: an application's codes, passkeys (which also sign in by themselves) and recovery codes. See web/accounts.
MFA_ADAPTER = "cadran.web.accounts.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1
MFA_FORMS = {
    "authenticate": "cadran.web.accounts.codes.CodeForm",
    "reauthenticate": "cadran.web.accounts.codes.CodeAgainForm",
}
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PUBLIC
SESSION_ENGINE = "django.contrib.sessions.backends.db"
ACCOUNT_RATE_LIMITS = {"deposit": "20/h/user"}
LOGIN_URL = "/account/login/"
LOGIN_REDIRECT_URL = "/dashboard/"
# Proxies in front whose X-Forwarded-For tells the visitor's address. Without one the header is not believed.
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("CADRAN_TRUSTED_PROXIES", "1" if PUBLIC else "0"))
# Rate limits of sign-up and sign-in are counted here: shared by the web workers, and bounded.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "web_cache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}
# A session of the back office ends after so long without a page.
OFFICE_IDLE_S = _seconds("CADRAN_OFFICE_IDLE_S", "1800")
FILE_UPLOAD_HANDLERS = ["cadran.web.uploads.BoundedMemory"]
CSRF_FAILURE_VIEW = "cadran.web.views.public.csrf_failure"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PUBLIC
# Names of their own for each port, so that installations side by side on one host do not sign each other out.
SESSION_COOKIE_NAME = "__Host-cadran" if PUBLIC else f"cadran_{WEB_PORT}"
CSRF_COOKIE_NAME = "__Host-cadran-csrf" if PUBLIC else f"cadran_csrf_{WEB_PORT}"
LANGUAGE_COOKIE_NAME = "__Host-cadran-language" if PUBLIC else "cadran_language"
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
KNOWN_COOKIE_NAME = "__Host-cadran-known" if PUBLIC else "cadran_known"  # a browser in which somebody signed in
CHECK_COOKIE_NAME = "__Host-cadran-check" if PUBLIC else "connection_check"  # what a visitor's connection measured
MESSAGES_COOKIE_NAME = "__Host-cadran-messages" if PUBLIC else "messages"
MESSAGE_STORAGE = "cadran.web.told.Told"
# Browsers that reached us once by TLS come back by TLS alone, to every name below ours too. 0: no such header.
HSTS_S = 2 * 365 * 86_400 if PUBLIC else 0

# How many calls a key of the API may make in a minute; refused calls say when to come back.
API_CALLS_A_MINUTE = int(os.environ.get("CADRAN_API_CALLS_A_MINUTE", "1200"))

LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", "Français"), ("en", "English")]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
WHITENOISE_USE_FINDERS = True
FORMAT_MODULE_PATH = ["cadran.web.formats"]
# Each face has its own catalogue of English, beside its templates.
LOCALE_PATHS = [
    SOURCE / "web" / "locale",
    SOURCE / "web" / "accounts" / "locale",
    SOURCE / "web" / "office" / "locale",
    SOURCE / "web" / "office" / "desk" / "locale",
    SOURCE / "web" / "calling" / "locale",
    SOURCE / "web" / "api" / "locale",
    SOURCE / "web" / "easydialer" / "locale",
    SOURCE / "messaging" / "locale",
    SOURCE / "invoicing" / "locale",
]

# Partners. Another address and key, and the sandbox gives way to the real one.
CARD_API_BASE = os.environ.get("CADRAN_CARD_API_BASE", f"http://{HOST}:{SANDBOX_CARD_PORT}" if SANDBOX else "")
CARD_API_KEY = secret("card_api_key")
CARD_WEBHOOK_SECRET = secret("card_webhook")
CARD_TIMEOUT_S = _seconds("CADRAN_CARD_TIMEOUT_S", "10")
BANK_STATEMENTS = os.environ.get(
    "CADRAN_BANK_STATEMENTS", f"http://{HOST}:{SANDBOX_BANK_PORT}/statements" if SANDBOX else ""
)
BANK_EVERY_S = _seconds("CADRAN_BANK_EVERY_S", "1" if SANDBOX else "900")
BANK_ACCOUNT = {
    "holder": os.environ.get("CADRAN_BANK_HOLDER", "Cadran Télécom"),
    "iban": os.environ.get("CADRAN_BANK_IBAN", "FR7630006000011234567890189" if SANDBOX else ""),
    "bic": os.environ.get("CADRAN_BANK_BIC", "AGRIFRPP" if SANDBOX else ""),
}
SANDBOX_BANK_URL = f"http://{HOST}:{SANDBOX_BANK_PORT}/" if SANDBOX else ""
BANK_TOKEN = secret("bank_token")

# Evidence: the files that hold entries, in the order of seals (the names stand in every leaf and never change), and the time-stamp
# authority (RFC 3161) that witnesses the seals.
EVIDENCE_FILES = {"house": "default", "charging": "charging"}
EVIDENCE_FILES |= {f"charging-{n}": "charging" for n in range(1, CHARGING_SHARDS)}
WITNESS_URL = os.environ.get("CADRAN_WITNESS_URL", f"http://{HOST}:{SANDBOX_WITNESS_PORT}/" if SANDBOX else "")
WITNESS_CERTIFICATES = Path(os.environ.get("CADRAN_WITNESS_CERTIFICATES", VAR / "evidence" / "witness.pem"))
WITNESS_EVERY_S = _seconds("CADRAN_WITNESS_EVERY_S", "1" if SANDBOX else "60")
WITNESS_TIMEOUT_S = _seconds("CADRAN_WITNESS_TIMEOUT_S", "10")
WITNESS_WITHIN_S = _seconds("CADRAN_WITNESS_WITHIN_S", "86400")
EVIDENCE_HEADS = os.environ.get("CADRAN_EVIDENCE_HEADS", "")

EMAIL_HOST = os.environ.get("CADRAN_SMTP_HOST", "127.0.0.1")
EMAIL_PORT = _port("CADRAN_SMTP_PORT", SANDBOX_SMTP_PORT)
EMAIL_HOST_USER = os.environ.get("CADRAN_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("CADRAN_SECRET_SMTP", "")
EMAIL_USE_TLS = _flag("CADRAN_SMTP_TLS")  # STARTTLS
EMAIL_USE_SSL = _flag("CADRAN_SMTP_SSL")  # TLS from the first byte
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("CADRAN_MAIL_FROM", "Cadran <service@cadran.local>")
