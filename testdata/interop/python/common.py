"""What the flows share: where everything is, as the runner says (see system.environment there), and how they end."""

import base64
import hashlib
import json
import os
import ssl
from importlib.metadata import version
from pathlib import Path

import requests

ISSUER = os.environ["INTEROP_ISSUER"]
TOKEN_ENDPOINT = ISSUER + "/token"
API = os.environ["INTEROP_API"]
FAPI_ISSUER = os.environ["INTEROP_FAPI_ISSUER"]
FAPI_API = os.environ["INTEROP_FAPI_API"]
AWKWARD_CLIENT = os.environ["INTEROP_AWKWARD_CLIENT"]
READ, WRITE = "stock.read", "stock.write"


def path(name):
    return Path(os.environ["INTEROP_KEYS"], *name.split("/"))


def file(name):
    return path(name).read_text()


def session(certificate=None):
    """Returns a session that trusts the servers over TLS, and shows the certificate of this name; none: it has none."""
    return with_certificate(requests.Session(), certificate)


def with_certificate(client, certificate):
    client.trust_env = False  # REQUESTS_CA_BUNDLE, where it is set, would win over verify
    client.verify = os.environ["INTEROP_FAPI_CA"]
    if certificate:
        client.cert = str(path(certificate + ".crt.pem")), str(path(certificate + ".pem"))
    return client


def thumbprint(certificate):
    """Returns the x5t#S256 of a certificate (RFC 8705 §3.1)."""
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(file(certificate + ".crt.pem"))).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def library(name):
    return f"{name} {version(name)}"


def check_call(answer, subject):
    """Checks the answer of the protected API: on whose behalf was it called."""
    if answer.status_code != 200 or answer.json()["sub"] != subject:
        raise AssertionError(f"the API says {answer.status_code} {answer.text}; want 200 for {subject}")


def refused(attempt, kind, is_right):
    """Turns the error that must not be missing into success."""
    try:
        attempt()
    except kind as error:
        if not is_right(error):
            raise AssertionError(f"it fails in another way than it should: {error!r}") from error
        return
    raise AssertionError("it has got a token")


def print_outcome(name, flow, error):
    print(json.dumps({"library": name, "flow": flow, "error": error}), flush=True)
