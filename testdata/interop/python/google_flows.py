"""google-auth reads a key file and asks its token_uri. Its aud is Google's token endpoint whatever token_uri says.

The access token is refreshed with refresh() and applied with apply(). before_request(), and with it AuthorizedSession,
would besides send the token to Google's IAM API, to ask for the regions that the account may use.
"""

import json

import requests
from google.auth import exceptions
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from common import API, READ, TOKEN_ENDPOINT, WRITE, check_call, file, library, path, refused

LIBRARY = library("google-auth")
ROBOT = "robot@interop.example"


def works(credentials, method, subject):
    credentials.refresh(Request())
    headers = {}
    credentials.apply(headers)
    check_call(requests.request(method, API + "/", headers=headers, timeout=10), subject)
    if not credentials.valid or credentials.expiry is None:
        raise AssertionError("the library does not take the token for valid")


def from_info(scopes, **change):
    info = {**json.loads(file("robot.json")), **change}
    return service_account.Credentials.from_service_account_info(info, scopes=scopes)


def from_file():
    works(service_account.Credentials.from_service_account_file(str(path("robot.json")), scopes=[READ]), "GET", ROBOT)


def from_info_twice():
    credentials = from_info([READ, WRITE])
    for _ in range(2):
        works(credentials, "POST", ROBOT)


def own_audience():
    """The library lets a program add claims, and they win."""
    info = json.loads(file("robot.json"))
    works(
        service_account.Credentials.from_service_account_info(
            info, scopes=[READ], additional_claims={"aud": TOKEN_ENDPOINT, "jti": "once"}
        ),
        "GET",
        ROBOT,
    )


def other_token_uri():
    works(from_info([READ], token_uri="http://127.0.0.1:1/token").with_token_uri(TOKEN_ENDPOINT), "GET", ROBOT)


def is_invalid_grant(error):
    return (
        error.args[0].startswith("invalid_grant: ")
        and error.args[1]["error"] == "invalid_grant"
        and not error.retryable
    )


def wrong_key():
    credentials = from_info([READ], private_key=file("stranger-rs256.pem"))
    refused(lambda: credentials.refresh(Request()), exceptions.RefreshError, is_invalid_grant)


def wrong_scope():
    credentials = from_info(["stock.burn"])
    refused(
        lambda: credentials.refresh(Request()),
        exceptions.RefreshError,
        lambda error: error.args[1]["error"] == "invalid_scope",
    )


def flows():
    return [
        ("from_service_account_file", from_file),
        ("from_service_account_info, two scopes, twice", from_info_twice),
        ("with_token_uri", other_token_uri),
        ("aud and jti by additional_claims", own_audience),
        ("a key that is not registered is invalid_grant", wrong_key),
        ("an unknown scope is invalid_scope", wrong_scope),
    ]
