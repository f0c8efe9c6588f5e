"""requests-oauth2client binds its tokens to a key (DPoP, RFC 9449), and shows certificates as requests does (RFC 8705)."""

import json
from uuid import uuid4

import requests
from jwskate import Jwk, Jwt
from requests_oauth2client import DPoPKey, DPoPToken, OAuth2Client, PrivateKeyJwt, PublicApp
from requests_oauth2client.dpop import MissingDPoPNonce
from requests_oauth2client.exceptions import EndpointError, InvalidClient, InvalidRequest

from common import API, FAPI_API, FAPI_ISSUER, ISSUER, READ, check_call, file, library, refused, session, thumbprint

LIBRARY = library("requests-oauth2client")
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def key(name="es256"):
    return Jwk(json.loads(file(name + ".jwk.json")))


class Client:
    """A client of one of the two services, with the certificate of this name; none: it has none."""

    def __init__(self, name, auth=None, certificate=None, fapi=True, key_name="es256", **options):
        issuer, self.api = (FAPI_ISSUER, FAPI_API) if fapi else (ISSUER, API)
        self.name, self.certificate, self.session = name, certificate, session(certificate)
        # Its aud is the token endpoint unless it is told otherwise, and the server takes its own identifier alone.
        auth = auth or PrivateKeyJwt(name, key(key_name), aud=issuer)
        self.client = OAuth2Client(issuer + "/token", auth, session=self.session, testing=not fapi, **options)

    def token(self, **options):
        return self.client.client_credentials(scope=READ, **options)

    def call(self, token, method="GET"):
        return self.session.request(method, self.api + "/", auth=token, timeout=10)

    def works(self, **options):
        token = self.token(**options)
        confirmation = Jwt(token.access_token).claims["cnf"]
        if isinstance(token, DPoPToken):
            bound = confirmation["jkt"] == token.dpop_key.dpop_jkt
        else:
            bound = confirmation["x5t#S256"] == thumbprint(self.certificate)
        if not bound:
            raise AssertionError(f"the token is bound to {confirmation}")
        check_call(self.call(token), self.name)
        return token


def plain(**options):
    return Client("dpop-key", fapi=False, **options)


def pki(certificate="tls-pki", name="fapi-subject"):
    return Client(name, PublicApp(name), certificate)


def bound_by_default():
    Client("fapi-dpop", dpop_bound_access_tokens=True, dpop_alg="PS256").works()


def twice_with_one_key():
    client, dpop_key = Client("fapi-dpop"), DPoPKey.generate()
    for _ in range(2):
        client.works(dpop_key=dpop_key, dpop=True)
    if not dpop_key.as_nonce:
        raise AssertionError("it was asked for no nonce")


def vouched():
    client = Client("fapi-key")
    claims = {"iss": "https://ci.interop.example", "sub": "job-1", "aud": FAPI_ISSUER, "repository": "acme/shop"}
    times = {"iat": Jwt.timestamp(), "exp": Jwt.timestamp(60), "jti": str(uuid4())}
    assertion = Jwt.sign({**claims, **times}, key())
    token = client.client.jwt_bearer(assertion, dpop=True)
    check_call(client.call(token), "repo:acme/shop")


def refusal(client, code, kind=EndpointError, **options):
    refused(lambda: client.token(**options), kind, lambda error: error.error == code and bool(error.description))


def not_accepted(answer):
    if answer.status_code != 401 or 'error="invalid_token"' not in answer.headers["WWW-Authenticate"]:
        raise AssertionError(f"the API says {answer.status_code} {answer.headers}")


def stolen_as_bearer():
    client = plain()
    token = client.works(dpop=True)
    not_accepted(requests.get(API + "/", headers={"Authorization": "Bearer " + token.access_token}, timeout=10))


def stolen_with_another_key():
    """The library takes every challenge of the scheme DPoP for the wish for a nonce, and misses that."""
    client = plain()
    token = client.works(dpop=True)
    other = DPoPToken(token.access_token, _dpop_key=DPoPKey.generate())
    refused(lambda: client.call(other), MissingDPoPNonce, lambda error: not_accepted(error.response) is None)


def repeated_proof():
    """A key with one jti for all its proofs."""
    client, dpop_key = plain(), DPoPKey.generate(jti_generator=lambda: "once")
    client.token(dpop_key=dpop_key, dpop=True)
    refusal(client, "invalid_dpop_proof", dpop_key=dpop_key, dpop=True)


def old_proof():
    dpop_key = DPoPKey.generate(iat_generator=lambda: Jwt.timestamp(-300))
    refusal(plain(), "invalid_dpop_proof", dpop_key=dpop_key, dpop=True)


def wrong_type():
    refusal(plain(), "invalid_dpop_proof", dpop_key=DPoPKey.generate(jwt_typ="JWT"), dpop=True)


def stolen_from_tls(certificate):
    not_accepted(Client("fapi-subject", PublicApp("fapi-subject"), certificate).call(pki().works()))


def flows():
    return [
        *[
            (f"DPoP, {algorithm}", lambda algorithm=algorithm: plain(dpop_alg=algorithm).works(dpop=True))
            for algorithm in ("ES256", "ES384", "ES512", "RS256", "PS256", "EdDSA")
        ],
        ("FAPI 2.0, DPoP with the server's nonce", lambda: Client("fapi-dpop").works(dpop=True)),
        ("FAPI 2.0, DPoP by default, PS256", bound_by_default),
        ("FAPI 2.0, DPoP twice with one key", twice_with_one_key),
        ("FAPI 2.0, DPoP, jwt-bearer with private_key_jwt", vouched),
        ("DPoP is required: a request without a proof is invalid_dpop_proof", lambda: refusal(plain(), "invalid_dpop_proof")),
        ("a proof used twice is invalid_dpop_proof", repeated_proof),
        ("a proof of five minutes ago is invalid_dpop_proof", old_proof),
        ("a proof with typ JWT is invalid_dpop_proof", wrong_type),
        ("a stolen DPoP token is no Bearer token", stolen_as_bearer),
        ("a stolen DPoP token is refused with a proof by another key", stolen_with_another_key),
        ("FAPI 2.0, a proof with RS256 is invalid_dpop_proof", lambda: refusal(
            Client("fapi-dpop", dpop_alg="RS256"), "invalid_dpop_proof", dpop=True)),
        ("FAPI 2.0, a key that is not registered is invalid_client", lambda: refusal(
            Client("fapi-dpop", key_name="stranger-es256"), "invalid_client", InvalidClient, dpop=True)),
        ("FAPI 2.0, the token endpoint as aud is invalid_client", lambda: refusal(
            Client("fapi-dpop", PrivateKeyJwt("fapi-dpop", key())), "invalid_client", InvalidClient, dpop=True)),
        ("FAPI 2.0, neither a proof nor a certificate is invalid_request", lambda: refusal(
            Client("fapi-key"), "invalid_request", InvalidRequest)),
        ("tls_client_auth, by the subject", lambda: pki().works()),
        ("tls_client_auth, by a DNS name", lambda: pki(name="fapi-dns").works()),
        ("self_signed_tls_client_auth", lambda: pki("tls-self", "fapi-self").works()),
        ("private_key_jwt, and the token is bound to the certificate", lambda: Client(
            "fapi-mtls", certificate="tls-other").works()),
        ("no certificate is invalid_client", lambda: refusal(pki(None), "invalid_client", InvalidClient)),
        ("the certificate of somebody else is invalid_client", lambda: refusal(
            pki("tls-other"), "invalid_client", InvalidClient)),
        ("a certificate with the right subject by another CA is invalid_client", lambda: refusal(
            pki("tls-stranger"), "invalid_client", InvalidClient)),
        ("self-signed, with a key that is not registered is invalid_client", lambda: refusal(
            pki("tls-nobody", "fapi-self"), "invalid_client", InvalidClient)),
        ("private_key_jwt, mutual TLS is required: no certificate is invalid_request", lambda: refusal(
            Client("fapi-mtls"), "invalid_request", InvalidRequest)),
        ("a stolen token is refused at the API without a certificate", lambda: stolen_from_tls(None)),
        ("a stolen token is refused at the API with another certificate", lambda: stolen_from_tls("tls-other")),
    ]
