import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import com.nimbusds.jose.jwk.gen.RSAKeyGenerator;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.OAuth2Error;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.auth.ClientAuthenticationMethod;
import com.nimbusds.oauth2.sdk.auth.PKITLSClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.SelfSignedTLSClientAuthentication;
import com.nimbusds.oauth2.sdk.dpop.DPoPProofFactory;
import com.nimbusds.oauth2.sdk.dpop.DefaultDPoPProofFactory;
import com.nimbusds.oauth2.sdk.dpop.JWKThumbprintConfirmation;
import com.nimbusds.oauth2.sdk.dpop.verifiers.AccessTokenValidationException;
import com.nimbusds.oauth2.sdk.dpop.verifiers.DPoPIssuer;
import com.nimbusds.oauth2.sdk.dpop.verifiers.DPoPProtectedResourceRequestVerifier;
import com.nimbusds.oauth2.sdk.dpop.verifiers.InMemoryDPoPSingleUseChecker;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.JWTID;
import com.nimbusds.oauth2.sdk.token.BearerAccessToken;
import com.nimbusds.oauth2.sdk.token.DPoPAccessToken;
import com.nimbusds.openid.connect.sdk.Nonce;
import java.net.URI;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Set;

/** The Nimbus OAuth 2.0 SDK gets tokens that are bound to a key (RFC 9449) or to a certificate (RFC 8705), and uses them. */
final class Bound {
    private static final String LIBRARY = Flows.library("nimbus oauth2-oidc-sdk", TokenRequest.class);
    private static final String CLIENT = "dpop-key"; // of the service without TLS
    private static final Service PLAIN = Service.plain();

    private Bound() {}

    static List<Flows.Flow> flows() {
        var flows = new ArrayList<Flows.Flow>();
        for (var algorithm : List.of(JWSAlgorithm.ES256, JWSAlgorithm.ES384, JWSAlgorithm.ES512, JWSAlgorithm.RS256, JWSAlgorithm.PS256)) {
            add(flows, "DPoP, " + algorithm, () -> PLAIN.works(PLAIN.keyed(CLIENT), proofs(algorithm)));
        }
        add(flows, "DPoP, the token names the key by its thumbprint", Bound::namesTheKey);
        add(flows, "DPoP is required: a request without a proof is invalid_dpop_proof", () ->
            Service.refused(PLAIN.ask(PLAIN.keyed(CLIENT)), OAuth2Error.INVALID_DPOP_PROOF, 400));
        add(flows, "a proof used twice is invalid_dpop_proof", Bound::usedTwice);
        add(flows, "a proof used twice at the API is invalid_dpop_proof", Bound::usedTwiceAtTheAPI);
        add(flows, "a proof for another URL is invalid_dpop_proof", () ->
            wrong(proofs().createDPoPJWT("POST", URI.create("https://elsewhere.example/token"))));
        add(flows, "a proof for another method is invalid_dpop_proof", () ->
            wrong(proofs().createDPoPJWT("GET", PLAIN.tokenEndpoint())));
        add(flows, "a proof of five minutes ago is invalid_dpop_proof", () -> wrong(proofs().createDPoPJWT(
            new JWTID(), "POST", PLAIN.tokenEndpoint(), Date.from(Instant.now().minusSeconds(300)), null, null)));
        add(flows, "a stolen DPoP token is no Bearer token", Bound::stolenAsBearer);
        add(flows, "a stolen DPoP token is refused with a proof by another key", Bound::stolenWithAnotherKey);
        add(flows, "a proof for another token is refused at the API", Bound::anotherToken);

        add(flows, "as an API, a DPoP token with a proof by its key", () -> {
            var proofs = proofs();
            verified(PLAIN.works(PLAIN.keyed(CLIENT), proofs), proofs);
        });
        add(flows, "as an API, a proof by another key is refused", () -> Flows.refused(
            () -> verified(PLAIN.works(PLAIN.keyed(CLIENT), proofs()), proofs()), AccessTokenValidationException.class,
            thrown -> thrown.getMessage().contains("thumbprint")));

        add(flows, "FAPI 2.0, metadata", Bound::discovered);
        for (var algorithm : List.of(JWSAlgorithm.ES256, JWSAlgorithm.PS256)) {
            add(flows, "FAPI 2.0, DPoP with the server's nonce, " + algorithm, () -> {
                var fapi = Service.fapi(null);
                fapi.works(fapi.keyed("fapi-dpop"), proofs(algorithm));
            });
        }
        add(flows, "FAPI 2.0, DPoP, jwt-bearer with private_key_jwt", () -> {
            var fapi = Service.fapi(null);
            fapi.worksAs("repo:acme/shop", fapi.keyed("fapi-key"), Nimbus.vouched("es256", fapi.issuer()), proofs());
        });
        add(flows, "FAPI 2.0, a nonce that the server has not made is use_dpop_nonce", () -> {
            var fapi = Service.fapi(null);
            var proof = proofs().createDPoPJWT("POST", fapi.tokenEndpoint(), new Nonce("made-up"));
            Service.refused(fapi.ask(fapi.keyed("fapi-dpop"), new ClientCredentialsGrant(), proof), OAuth2Error.USE_DPOP_NONCE, 400);
        });
        add(flows, "FAPI 2.0, a proof with RS256 is invalid_dpop_proof", () -> {
            var fapi = Service.fapi(null);
            Service.refused(fapi.ask(fapi.keyed("fapi-dpop"), new ClientCredentialsGrant(), proofs(JWSAlgorithm.RS256)),
                OAuth2Error.INVALID_DPOP_PROOF, 400);
        });
        add(flows, "FAPI 2.0, a client assertion with RS256 is invalid_client", () -> {
            var fapi = Service.fapi(null);
            Service.refused(fapi.ask(fapi.keyed("fapi-dpop", "rs256"), new ClientCredentialsGrant(), proofs()),
                OAuth2Error.INVALID_CLIENT, 401);
        });
        add(flows, "FAPI 2.0, neither a proof nor a certificate is invalid_request", () -> {
            var fapi = Service.fapi(null);
            Service.refused(fapi.ask(fapi.keyed("fapi-key")), OAuth2Error.INVALID_REQUEST, 400);
        });
        addMutualTLS(flows);
        return flows;
    }

    private static void addMutualTLS(List<Flows.Flow> flows) {
        add(flows, "PKITLSClientAuthentication, by the subject", () -> Service.fapi("tls-pki").works(pki("fapi-subject", "tls-pki"), "tls-pki"));
        add(flows, "PKITLSClientAuthentication, by a DNS name", () -> Service.fapi("tls-pki").works(pki("fapi-dns", "tls-pki"), "tls-pki"));
        add(flows, "SelfSignedTLSClientAuthentication", () -> Service.fapi("tls-self").works(selfSigned("tls-self"), "tls-self"));
        add(flows, "PrivateKeyJWT, and the token is bound to the certificate", () -> {
            var fapi = Service.fapi("tls-other");
            fapi.works(fapi.keyed("fapi-mtls"), "tls-other");
        });
        addRefused(flows, "no certificate", null, "fapi-subject");
        addRefused(flows, "the certificate of somebody else", "tls-other", "fapi-subject");
        addRefused(flows, "a certificate with the right subject by another CA", "tls-stranger", "fapi-subject");
        add(flows, "SelfSignedTLSClientAuthentication, a key that is not registered is invalid_client", () ->
            Service.refused(Service.fapi("tls-nobody").ask(selfSigned("tls-nobody")), OAuth2Error.INVALID_CLIENT, 401));
        add(flows, "PrivateKeyJWT, mutual TLS is required: no certificate is invalid_request", () -> {
            var fapi = Service.fapi(null);
            Service.refused(fapi.ask(fapi.keyed("fapi-mtls")), OAuth2Error.INVALID_REQUEST, 400);
        });
        add(flows, "a stolen token is refused at the API without a certificate", () -> stolenFromTLS(null));
        add(flows, "a stolen token is refused at the API with another certificate", () -> stolenFromTLS("tls-other"));
    }

    private static void add(List<Flows.Flow> flows, String name, Flows.Attempt attempt) {
        flows.add(new Flows.Flow(LIBRARY, name, attempt));
    }

    private static void addRefused(List<Flows.Flow> flows, String what, String certificate, String client) {
        add(flows, "PKITLSClientAuthentication, " + what + " is invalid_client", () ->
            Service.refused(Service.fapi(certificate).ask(pki(client, certificate)), OAuth2Error.INVALID_CLIENT, 401));
    }

    private static PKITLSClientAuthentication pki(String client, String certificate) throws Exception {
        return new PKITLSClientAuthentication(new ClientID(client), Service.sockets(certificate));
    }

    private static SelfSignedTLSClientAuthentication selfSigned(String certificate) throws Exception {
        return new SelfSignedTLSClientAuthentication(new ClientID("fapi-self"), Service.sockets(certificate));
    }

    private static DPoPProofFactory proofs() throws Exception {
        return proofs(JWSAlgorithm.ES256);
    }

    private static DPoPProofFactory proofs(JWSAlgorithm algorithm) throws Exception {
        return new DefaultDPoPProofFactory(newKey(algorithm), algorithm);
    }

    private static JWK newKey(JWSAlgorithm algorithm) throws Exception {
        return JWSAlgorithm.Family.RSA.contains(algorithm)
            ? new RSAKeyGenerator(2048).generate()
            : new ECKeyGenerator(Curve.forJWSAlgorithm(algorithm).iterator().next()).generate();
    }

    private static void namesTheKey() throws Exception {
        var key = newKey(JWSAlgorithm.ES256);
        var token = PLAIN.works(PLAIN.keyed(CLIENT), new DefaultDPoPProofFactory(key, JWSAlgorithm.ES256));
        var found = JWKThumbprintConfirmation.parse(SignedJWT.parse(token.getValue()).getJWTClaimsSet());
        if (!JWKThumbprintConfirmation.of(key).equals(found)) {
            throw new AssertionError(token.getValue());
        }
    }

    private static void wrong(SignedJWT proof) throws Exception {
        Service.refused(PLAIN.ask(PLAIN.keyed(CLIENT), new ClientCredentialsGrant(), proof), OAuth2Error.INVALID_DPOP_PROOF, 400);
    }

    private static void usedTwice() throws Exception {
        var proof = proofs().createDPoPJWT("POST", PLAIN.tokenEndpoint());
        var first = PLAIN.ask(PLAIN.keyed(CLIENT), new ClientCredentialsGrant(), proof);
        if (!first.indicatesSuccess()) {
            throw new AssertionError(first.getBody());
        }
        wrong(proof);
    }

    private static void usedTwiceAtTheAPI() throws Exception {
        var proofs = proofs();
        var token = PLAIN.works(PLAIN.keyed(CLIENT), proofs);
        var proof = proofs.createDPoPJWT("GET", PLAIN.resource(), token);
        var first = PLAIN.call(token, proof);
        Flows.checkCall(first.getStatusCode(), first.getBody(), CLIENT);
        Service.challenged(PLAIN.call(token, proof), "DPoP", "invalid_dpop_proof");
    }

    private static void stolenAsBearer() throws Exception {
        var token = PLAIN.works(PLAIN.keyed(CLIENT), proofs());
        Service.challenged(PLAIN.call(new BearerAccessToken(token.getValue()), null), "Bearer", "invalid_token");
    }

    private static void stolenWithAnotherKey() throws Exception {
        var token = PLAIN.works(PLAIN.keyed(CLIENT), proofs());
        Service.challenged(PLAIN.call(token, proofs().createDPoPJWT("GET", PLAIN.resource(), token)), "DPoP", "invalid_token");
    }

    private static void anotherToken() throws Exception {
        var proofs = proofs();
        var token = PLAIN.works(PLAIN.keyed(CLIENT), proofs);
        var other = PLAIN.works(PLAIN.keyed(CLIENT), proofs);
        Service.challenged(PLAIN.call(token, proofs.createDPoPJWT("GET", PLAIN.resource(), other)), "DPoP", "invalid_dpop_proof");
    }

    /** Verifies a proof as an API would, with the token's own word on its key (RFC 9449 §7.1). */
    private static void verified(DPoPAccessToken token, DPoPProofFactory proofs) throws Exception {
        var used = new InMemoryDPoPSingleUseChecker(120, 120);
        try {
            new DPoPProtectedResourceRequestVerifier(Set.of(JWSAlgorithm.ES256), 60, 60, used).verify(
                "GET", PLAIN.resource(), new DPoPIssuer(CLIENT), proofs.createDPoPJWT("GET", PLAIN.resource(), token), token,
                JWKThumbprintConfirmation.parse(SignedJWT.parse(token.getValue()).getJWTClaimsSet()), (Nonce) null);
        } finally {
            used.shutdown();
        }
    }

    private static void stolenFromTLS(String certificate) throws Exception {
        var token = Service.fapi("tls-pki").works(pki("fapi-subject", "tls-pki"), "tls-pki");
        Service.challenged(Service.fapi(certificate).call(token, null), "Bearer", "invalid_token");
    }

    private static void discovered() throws Exception {
        var fapi = Service.fapi(null);
        var metadata = AuthorizationServerMetadata.resolve(new Issuer(fapi.issuer()), request -> request.setSSLSocketFactory(fapi.sockets()));
        if (!metadata.getDPoPJWSAlgs().containsAll(List.of(JWSAlgorithm.ES256, JWSAlgorithm.PS256))
            || metadata.getDPoPJWSAlgs().contains(JWSAlgorithm.RS256)
            || !metadata.supportsTLSClientCertificateBoundAccessTokens()
            || !metadata.getTokenEndpointAuthMethods().containsAll(List.of(ClientAuthenticationMethod.PRIVATE_KEY_JWT,
                ClientAuthenticationMethod.TLS_CLIENT_AUTH, ClientAuthenticationMethod.SELF_SIGNED_TLS_CLIENT_AUTH))) {
            throw new AssertionError(metadata.toJSONObject());
        }
    }
}
