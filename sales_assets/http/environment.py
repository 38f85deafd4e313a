"""The proxies and trusted certificates that the environment names."""

import ssl
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy

from sales_assets import settings
from sales_assets.http.address import is_loopback
from sales_assets.http.errors import HttpError

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def proxy_for(address: str) -> str:
    """Return the proxy that the environment names for an address; empty if there is none.

    Raises:
        HttpError: It is not an HTTP proxy.
    """
    # No proxy can reach this machine's loopback.
    if is_loopback(urlsplit(address).hostname or ""):
        return ""
    # Without the context of an error: its text may show a password.
    with suppress(ValueError):
        proxy = select_proxy(address, get_environ_proxies(address))
        if not proxy:
            return ""
        proxy = proxy if "://" in proxy else f"http://{proxy}"
        parts = urllib3.util.parse_url(proxy)
        if parts.scheme in ("http", "https") and parts.host:
            return proxy
    raise HttpError(
        address,
        "the proxy in the environment is not of the form http://[user:password@]host[:port] "
        "(in passwords, write %2F for /, and so on): correct or unset https_proxy and the like",
    )


def trusted(address: str) -> ssl.SSLContext:
    """Load the trusted certificates: those that the environment names, or those of requests.

    Raises:
        HttpError: The files do not exist, or are not certificates.
    """
    context = urllib3.util.create_urllib3_context()
    name = next(filter(settings.variable, CA_VARIABLES), "")
    path = settings.variable(name) or DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if Path(path).is_dir() else "cafile": path})
    except OSError as error:
        problem = error.strerror or "no certificates"
        raise HttpError(
            address,
            f"{name} is {path!r}, which has no certificates ({problem}): correct or unset it",
        ) from None
    return context
