"""Plain HTTP clients of the emulations: what any program could ask, without our connectors."""

from collections.abc import Mapping

import requests


class Clients:
    """One authenticated session per vendor, and Matomo's single entry point."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.mailchimp = requests.Session()
        self.mailchimp.auth = ("any", environment["MAILCHIMP_API_KEY"])
        self.zendesk = requests.Session()
        self.zendesk.auth = (f"{environment['ZENDESK_EMAIL']}/token", environment["ZENDESK_TOKEN"])
        self.qualtrics = requests.Session()
        self.qualtrics.headers["X-API-TOKEN"] = environment["QUALTRICS_TOKEN"]
        self.mastodon = requests.Session()
        self.mastodon.headers["Authorization"] = f"Bearer {environment['MASTODON_TOKEN']}"
        self.shopify = requests.Session()
        self.shopify.headers["X-Shopify-Access-Token"] = environment["SHOPIFY_TOKEN"]

    def matomo(self, method: str, **fields: str | int) -> requests.Response:
        form = {"module": "API", "method": method, "format": "JSON", "idSite": 1, "period": "day"}
        token = {"token_auth": self.environment["MATOMO_TOKEN"]}
        url = f"{self.environment['MATOMO_BASE_URL']}/index.php"
        return requests.post(url, data=form | token | fields, timeout=10)

    def get(self, vendor: str, path: str, **query: str | int) -> requests.Response:
        """GET below the vendor's base address. Query names may use `__` for brackets: page__size."""
        session: requests.Session = getattr(self, vendor)
        params = {
            name.replace("__", "[") + "]" if "__" in name else name: value for name, value in query.items()
        }
        return session.get(
            f"{self.environment[f'{vendor.upper()}_BASE_URL']}/{path}", params=params, timeout=10
        )
