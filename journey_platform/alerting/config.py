"""Where alerts go: channels from the environment. Nothing is read before a sensor needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.config import Secret, from_environment, secret, setting
from connectors.errors import ConfigurationError
from connectors.hosts import is_loopback
from journey_platform.alerting.channels import Channel, Mail, Security, Slack, Webhook

_SECURITIES: dict[str, Security] = {"starttls": "starttls", "tls": "tls", "none": "none"}
NO_CHANNEL = "no channel is configured: set JOURNEY_ALERT_WEBHOOK_URL, _SLACK_URL or _MAIL_TO"


@dataclass(frozen=True)
class AlertConfig:
    """Each channel is off where its first setting is empty."""

    webhook_url: Secret = secret("JOURNEY_ALERT_WEBHOOK_URL", "address that gets alerts as JSON", default="")
    slack_url: Secret = secret(
        "JOURNEY_ALERT_SLACK_URL", "incoming-webhook address of Slack or a compatible chat", default=""
    )
    mail_to: str = setting("JOURNEY_ALERT_MAIL_TO", "recipients, comma separated", default="")
    mail_from: str = setting("JOURNEY_ALERT_MAIL_FROM", "the sender's address", default="")
    smtp_host: str = setting("JOURNEY_ALERT_SMTP_HOST", "mail server", default="localhost")
    smtp_port: str = setting("JOURNEY_ALERT_SMTP_PORT", "its port", default="587")
    smtp_security: str = setting("JOURNEY_ALERT_SMTP_SECURITY", "starttls, tls or none", default="starttls")
    smtp_user: str = setting("JOURNEY_ALERT_SMTP_USER", "user name, where it asks for one", default="")
    smtp_password: Secret = secret("JOURNEY_ALERT_SMTP_PASSWORD", "password", default="")
    ui_url: str = setting("JOURNEY_UI_URL", "address of the Dagster UI, for links", default="")


def channels(environment: Mapping[str, str]) -> dict[str, Channel]:
    """The configured channels by name. Raises `ConfigurationError` naming the setting that is wrong."""
    config = from_environment(AlertConfig, environment)
    found: dict[str, Channel] = {}
    if config.webhook_url.reveal():
        found["webhook"] = Webhook(_checked(config.webhook_url, "JOURNEY_ALERT_WEBHOOK_URL"), config.ui_url)
    if config.slack_url.reveal():
        found["slack"] = Slack(_checked(config.slack_url, "JOURNEY_ALERT_SLACK_URL"), config.ui_url)
    if config.mail_to:
        found["mail"] = _mail(config)
    return found


def _checked(url: Secret, name: str) -> Secret:
    try:
        parts = urlsplit(url.reveal())
        scheme, host = parts.scheme, parts.hostname or ""
    except ValueError:
        scheme, host = "", ""
    if not host or not (scheme == "https" or (scheme == "http" and is_loopback(host))):
        raise ConfigurationError(f"{name} must be an https URL (http only to this machine)")
    return url


def _mail(config: AlertConfig) -> Mail:
    security = _SECURITIES.get(config.smtp_security)
    if security is None:
        raise ConfigurationError("JOURNEY_ALERT_SMTP_SECURITY must be starttls, tls or none")
    if not config.smtp_port.isdecimal():
        raise ConfigurationError("JOURNEY_ALERT_SMTP_PORT must be a number")
    if not config.mail_from:
        raise ConfigurationError("JOURNEY_ALERT_MAIL_FROM is missing")
    if security == "none" and (config.smtp_user or not is_loopback(config.smtp_host)):
        raise ConfigurationError("JOURNEY_ALERT_SMTP_SECURITY none is for this machine without a user only")
    return Mail(
        config.smtp_host,
        int(config.smtp_port),
        config.mail_from,
        [address.strip() for address in config.mail_to.split(",") if address.strip()],
        security=security,
        user=config.smtp_user,
        password=config.smtp_password,
        ui_url=config.ui_url,
    )
