"""Authlib authenticates in each way that it knows, asserts for others and for itself, calls the API, and stands in for it."""

import base64
import json
import os
import time

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from common import (
    API, AWKWARD_CLIENT, FAPI_API, FAPI_ISSUER, ISSUER, READ, TOKEN_ENDPOINT, WRITE,
    check_call, file, library, refused, thumbprint, with_certificate,
)

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # plain http, on loopback

LIBRARY = library("Authlib")
CI = "https://ci.interop.example"
KINDS = {"ES256": ECKey, "ES384": ECKey, "ES512": ECKey, "RS256": RSAKey, "PS256": RSAKey, "EdDSA": OKPKey}


def key(algorithm, name=None):
    return KINDS[algorithm].import_key(file((name or algorithm.lower()) + ".pem"))


def session(client, secret, method, **options):
    return OAuth2Session(client, secret, token_endpoint_auth_method=method, token_endpoint=TOKEN_ENDPOINT, **options)


def password(client, method):
    return session(client, file("plain.secret"), method)


def keyed(algorithm, name=None, **options):
    """A session that authenticates by private_key_jwt with the library's defaults: aud, jti, an hour."""
    client = session("authlib-key", key(algorithm, name), "private_key_jwt", **options)
    client.register_client_auth_method(PrivateKeyJWT(TOKEN_ENDPOINT, alg=algorithm))
    return client


def shared(secret):
    client = session("authlib-secret", secret, "client_secret_jwt")
    client.register_client_auth_method(ClientSecretJWT(TOKEN_ENDPOINT))
    return client


def works(client, method="GET", **parameters):
    token = client.fetch_token(TOKEN_ENDPOINT, grant_type="client_credentials", **parameters)
    check_call(client.request(method, API + "/"), client.client_id)
    return token


def twice():
    client = keyed("ES256")
    works(client)
    works(client)


def scope_and_resource():
    token = works(keyed("ES256", scope=WRITE), method="POST", resource=API)
    if token["scope"] != WRITE or token["expires_in"] <= 0:
        raise AssertionError("the answer lacks scope or expires_in")


def discovered():
    """Authlib leaves the fetching to its user, and knows where to look and how to check what was found.

    It does not accept that a server has no authorization endpoint and so no response type. RFC 8414 asks for
    response_types_supported (§2) and against empty lists (§3.2); there is no right way for such a server.
    """
    url = get_well_known_url(ISSUER, external=True)
    metadata = AuthorizationServerMetadata(requests.get(url, timeout=10).json())
    for name in metadata.REGISTRY_KEYS:
        if name != "response_types_supported":
            getattr(metadata, "validate_" + name)()
    if metadata["issuer"] != ISSUER or metadata["token_endpoint"] != TOKEN_ENDPOINT:
        raise AssertionError(metadata)


def asserting(name="es256", algorithm="ES256", subject="job-1", **options):
    options = {"issuer": CI, "claims": {"repository": "acme/shop"}, **options}
    return AssertionSession(token_endpoint=TOKEN_ENDPOINT, subject=subject, key=file(name + ".pem"), alg=algorithm, **options)


def vouched():
    check_call(asserting(scope=READ).get(API + "/"), "repo:acme/shop")


def vouched_for_issuer():
    check_call(asserting(audience=ISSUER).get(API + "/"), "repo:acme/shop")


def for_itself():
    itself = asserting(name="rs256", algorithm="RS256", issuer="authlib-self", subject="authlib-self", claims=None, scope=WRITE)
    check_call(itself.post(API + "/"), "authlib-self")
    itself.refresh_token()
    check_call(itself.post(API + "/"), "authlib-self")


def claims_keep_their_jti():
    """The library writes the jti of the first assertion into the claims that it was given, and then uses it again."""
    client = asserting()
    client.refresh_token()
    refused(client.refresh_token, OAuth2Error, is_refusal("invalid_grant"))


def certified(client, certificate):
    """A client of the service with FAPI 2.0. What the library calls none sends the client_id, as tls_client_auth asks."""
    return with_certificate(OAuth2Session(client, token_endpoint_auth_method="none"), certificate)


def keyed_for_tls(certificate, **claims):
    """private_key_jwt with a certificate, which the token is bound to. The library's own aud and lifetime do not fit."""
    client = OAuth2Session("fapi-mtls", key("ES256"), token_endpoint_auth_method="private_key_jwt")
    client.register_client_auth_method(PrivateKeyJWT(FAPI_ISSUER + "/token", alg="ES256", claims=claims))
    return with_certificate(client, certificate)


def works_for_fapi(name, certificate):
    return works_with(certified(name, certificate), certificate)


def works_with(client, certificate):
    payload = fetch_for_fapi(client)()["access_token"].split(".")[1]
    confirmation = json.loads(base64.urlsafe_b64decode(payload + "=="))["cnf"]
    if confirmation != {"x5t#S256": thumbprint(certificate)}:
        raise AssertionError(f"the token is bound to {confirmation}")
    check_call(client.get(FAPI_API + "/"), client.client_id)
    return client


def fetch_for_fapi(client):
    return lambda: client.fetch_token(FAPI_ISSUER + "/token", grant_type="client_credentials")


def as_fapi_asks():
    works_with(keyed_for_tls("tls-other", aud=FAPI_ISSUER, exp=int(time.time()) + 60), "tls-other")


def stolen(certificate):
    thief = works_for_fapi("fapi-subject", "tls-pki")
    thief.cert = None
    with_certificate(thief, certificate)
    thief.close()  # and with it the connection that was opened with the right certificate
    answer = thief.get(FAPI_API + "/")
    if answer.status_code != 401 or 'error="invalid_token"' not in answer.headers["WWW-Authenticate"]:
        raise AssertionError(f"the API says {answer.status_code} {answer.headers}")


def is_refusal(code):
    return lambda error: error.error == code and bool(error.description)


def fetch(client, **parameters):
    return lambda: client.fetch_token(TOKEN_ENDPOINT, grant_type="client_credentials", **parameters)


class Validator(JWTBearerTokenValidator):
    """Authlib in the place of an API (RFC 9068 §4)."""

    def __init__(self, audience=API):
        super().__init__(issuer=ISSUER, resource_server=audience)

    def get_jwks(self):
        return KeySet.import_key_set(requests.get(ISSUER + "/.well-known/jwks.json", timeout=10).json())

    def check(self, text):
        token = self.authenticate_token(text)
        self.validate_token(token, [READ], None)
        return token


def verified():
    token = works(password("authlib-basic", "client_secret_basic"))
    claims = Validator().check(token["access_token"])
    if claims["sub"] != "authlib-basic" or claims["client_id"] != "authlib-basic" or claims["scope"] != READ:
        raise AssertionError(claims)


def not_verified(change=lambda text: text, **options):
    text = change(works(password("authlib-basic", "client_secret_basic"))["access_token"])
    refused(lambda: Validator(**options).check(text), InvalidTokenError, is_refusal_of_token)


def is_refusal_of_token(error):
    return error.error == "invalid_token"


def changed(text):
    head, signature = text.rsplit(".", 1)
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


def flows():
    basic = password("authlib-basic", "client_secret_basic")
    return [
        ("client_secret_basic", lambda: works(basic)),
        ("client_secret_post", lambda: works(password("authlib-post", "client_secret_post"))),
        ("client_secret_jwt", lambda: works(shared(file("config-state/shared.secret")))),
        *[(f"private_key_jwt, {algorithm}", lambda algorithm=algorithm: works(keyed(algorithm))) for algorithm in KINDS],
        ("private_key_jwt, twice with one session", twice),
        ("scope and resource asked for", scope_and_resource),
        ("metadata of RFC 8414", discovered),
        ("jwt-bearer, an issuer vouches for a job", vouched),
        ("jwt-bearer, aud is the issuer identifier", vouched_for_issuer),
        ("jwt-bearer, a client asserts for itself, twice", for_itself),
        ("jwt-bearer, claims keep their jti: a replay is invalid_grant", claims_keep_their_jti),
        ("client_secret_basic, an id and a secret that need encoding: it sends them as they are", lambda: refused(
            fetch(session(AWKWARD_CLIENT, file("awkward.secret"), "client_secret_basic")), OAuthError, is_refusal("invalid_client"))),
        ("a wrong secret is invalid_client", lambda: refused(
            fetch(session("authlib-basic", "wrong", "client_secret_basic")), OAuthError, is_refusal("invalid_client"))),
        ("a wrong shared secret is invalid_client", lambda: refused(
            fetch(shared("wrong" * 10)), OAuthError, is_refusal("invalid_client"))),
        ("a key that is not registered is invalid_client", lambda: refused(
            fetch(keyed("ES256", "stranger-es256")), OAuthError, is_refusal("invalid_client"))),
        ("an assertion by a key that is not registered is invalid_grant", lambda: refused(
            asserting("stranger-es256").refresh_token, OAuth2Error, is_refusal("invalid_grant"))),
        ("an unknown scope is invalid_scope", lambda: refused(
            fetch(keyed("ES256", scope="stock.burn")), OAuthError, is_refusal("invalid_scope"))),
        ("tls_client_auth, by the subject", lambda: works_for_fapi("fapi-subject", "tls-pki")),
        ("tls_client_auth, by a DNS name", lambda: works_for_fapi("fapi-dns", "tls-pki")),
        ("self_signed_tls_client_auth", lambda: works_for_fapi("fapi-self", "tls-self")),
        ("private_key_jwt as FAPI 2.0 asks, and the token is bound to the certificate", as_fapi_asks),
        ("private_key_jwt with its own aud and lifetime is invalid_client under FAPI 2.0", lambda: refused(
            fetch_for_fapi(keyed_for_tls("tls-other")), OAuthError, is_refusal("invalid_client"))),
        ("no certificate is invalid_client", lambda: refused(
            fetch_for_fapi(certified("fapi-subject", None)), OAuthError, is_refusal("invalid_client"))),
        ("the certificate of somebody else is invalid_client", lambda: refused(
            fetch_for_fapi(certified("fapi-subject", "tls-other")), OAuthError, is_refusal("invalid_client"))),
        ("a certificate-bound token is refused at the API without a certificate", lambda: stolen(None)),
        ("a certificate-bound token is refused at the API with another certificate", lambda: stolen("tls-other")),
        ("an access token, by JWKS (RFC 9068)", verified),
        ("an access token for another API is refused", lambda: not_verified(audience="https://elsewhere.example")),
        ("an access token with a changed signature is refused", lambda: not_verified(changed)),
    ]
