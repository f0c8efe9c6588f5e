import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jwt.SignedJWT;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.ErrorObject;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.auth.X509CertificateConfirmation;
import com.nimbusds.oauth2.sdk.dpop.DPoPProofFactory;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.http.HTTPResponse;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import com.nimbusds.oauth2.sdk.token.DPoPAccessToken;
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/** One of the two services with its API, as Nimbus asks them for tokens that are bound. sockets is null without TLS. */
record Service(String issuer, String api, SSLSocketFactory sockets) {
    static Service plain() {
        return new Service(Flows.ISSUER, Flows.API, null);
    }

    /** The service with FAPI 2.0, over connections with this certificate; null: there is none. */
    static Service fapi(String certificate) throws Exception {
        return new Service(System.getenv("INTEROP_FAPI_ISSUER"), System.getenv("INTEROP_FAPI_API"), sockets(certificate));
    }

    URI tokenEndpoint() {
        return URI.create(issuer + "/token");
    }

    URI resource() {
        return URI.create(api + "/");
    }

    /** private_key_jwt with the issuer identifier as aud. */
    ClientAuthentication keyed(String client, String key) throws Exception {
        var jwk = JWK.parse(Flows.file(key + ".jwk.json"));
        var algorithm = JWSAlgorithm.parse(jwk.getAlgorithm().getName());
        var secret = key.endsWith("rs256") ? jwk.toRSAKey().toPrivateKey() : jwk.toECKey().toPrivateKey();
        return new PrivateKeyJWT(new ClientID(client), URI.create(issuer), algorithm, secret, jwk.getKeyID(), null);
    }

    ClientAuthentication keyed(String client) throws Exception {
        return keyed(client, "es256");
    }

    HTTPResponse send(HTTPRequest request) throws Exception {
        if (sockets != null) {
            request.setSSLSocketFactory(sockets);
        }
        return request.send();
    }

    /** Asks for a token with this proof; null: there is none. */
    HTTPResponse ask(ClientAuthentication client, AuthorizationGrant grant, SignedJWT proof) throws Exception {
        var request = new TokenRequest.Builder(tokenEndpoint(), client, grant).build().toHTTPRequest();
        if (proof != null) {
            request.setDPoP(proof);
        }
        return send(request);
    }

    /** Asks with a proof, and once more where the answer brings a nonce and says that it is needed. */
    HTTPResponse ask(ClientAuthentication client, AuthorizationGrant grant, DPoPProofFactory proofs) throws Exception {
        var answer = ask(client, grant, proofs.createDPoPJWT("POST", tokenEndpoint()));
        if (answer.getStatusCode() == 400 && "use_dpop_nonce".equals(answer.getBodyAsJSONObject().get("error"))) {
            answer = ask(client, grant, proofs.createDPoPJWT("POST", tokenEndpoint(), answer.getDPoPNonce()));
        }
        return answer;
    }

    /** Gets a token that is bound to the key of the proofs, and uses it. */
    DPoPAccessToken worksAs(String subject, ClientAuthentication client, AuthorizationGrant grant, DPoPProofFactory proofs) throws Exception {
        var token = succeeds(ask(client, grant, proofs)).toSuccessResponse().getTokens().getDPoPAccessToken();
        var answer = call(token, proofs.createDPoPJWT("GET", resource(), token));
        Flows.checkCall(answer.getStatusCode(), answer.getBody(), subject);
        return token;
    }

    DPoPAccessToken works(ClientAuthentication client, DPoPProofFactory proofs) throws Exception {
        return worksAs(client.getClientID().getValue(), client, new ClientCredentialsGrant(), proofs);
    }

    /** Gets a token that is bound to this certificate, which is the connection's, and uses it. */
    AccessToken works(ClientAuthentication client, String certificate) throws Exception {
        var token = succeeds(ask(client)).toSuccessResponse().getTokens().getAccessToken();
        var confirmation = X509CertificateConfirmation.parse(SignedJWT.parse(token.getValue()).getJWTClaimsSet());
        if (!X509CertificateConfirmation.of(certificate(certificate)).equals(confirmation)) {
            throw new AssertionError("the token is not bound to " + certificate + ": " + token.getValue());
        }
        var answer = call(token, null);
        Flows.checkCall(answer.getStatusCode(), answer.getBody(), client.getClientID().getValue());
        return token;
    }

    HTTPResponse ask(ClientAuthentication client) throws Exception {
        return ask(client, new ClientCredentialsGrant(), (SignedJWT) null);
    }

    HTTPResponse call(AccessToken token, SignedJWT proof) throws Exception {
        var request = new HTTPRequest(HTTPRequest.Method.GET, resource());
        request.setAuthorization(token.toAuthorizationHeader());
        if (proof != null) {
            request.setDPoP(proof);
        }
        return send(request);
    }

    private static TokenResponse succeeds(HTTPResponse answer) throws Exception {
        var response = TokenResponse.parse(answer);
        if (!response.indicatesSuccess()) {
            throw new AssertionError(response.toErrorResponse().getErrorObject().toJSONObject().toJSONString());
        }
        return response;
    }

    /** Checks that the token endpoint has refused with this code. */
    static void refused(HTTPResponse answer, ErrorObject want, int status) throws Exception {
        var response = TokenResponse.parse(answer);
        if (response.indicatesSuccess()) {
            throw new AssertionError("it has got a token");
        }
        var error = response.toErrorResponse().getErrorObject();
        if (!want.equals(error) || answer.getStatusCode() != status || error.getDescription() == null) {
            throw new AssertionError(answer.getStatusCode() + " " + error.toJSONObject());
        }
    }

    /** Checks that the API has refused, with this code in its challenge for this scheme. */
    static void challenged(HTTPResponse answer, String scheme, String code) {
        var found = answer.getHeaderValues("WWW-Authenticate").stream().map(String::valueOf)
            .anyMatch(challenge -> challenge.startsWith(scheme + " ") && challenge.contains("error=\"" + code + "\""));
        if (answer.getStatusCode() != 401 || !found) {
            throw new AssertionError(answer.getStatusCode() + " " + answer.getHeaderValues("WWW-Authenticate") + " " + answer.getBody());
        }
    }

    static X509Certificate certificate(String name) throws Exception {
        var document = new ByteArrayInputStream(Flows.file(name + ".crt.pem").getBytes(StandardCharsets.US_ASCII));
        return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(document);
    }

    /** Connections that trust the servers over TLS, and show this certificate; null: they have none. */
    static SSLSocketFactory sockets(String name) throws Exception {
        var trusted = emptyStore();
        try (var document = new FileInputStream(System.getenv("INTEROP_FAPI_CA"))) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(document));
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        var own = emptyStore();
        if (name != null) {
            var key = JWK.parse(Flows.file(name + ".jwk.json")).toECKey().toPrivateKey();
            own.setKeyEntry("own", key, new char[0], new Certificate[] {certificate(name)});
        }
        var keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, new char[0]);
        var context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), new SecureRandom());
        return context.getSocketFactory();
    }

    private static KeyStore emptyStore() throws Exception {
        var store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }
}
