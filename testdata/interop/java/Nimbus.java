import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.BadJWSException;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.BadJWTException;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import com.nimbusds.oauth2.sdk.AuthorizationGrant;
import com.nimbusds.oauth2.sdk.ClientCredentialsGrant;
import com.nimbusds.oauth2.sdk.ErrorObject;
import com.nimbusds.oauth2.sdk.GrantType;
import com.nimbusds.oauth2.sdk.JWTBearerGrant;
import com.nimbusds.oauth2.sdk.OAuth2Error;
import com.nimbusds.oauth2.sdk.Scope;
import com.nimbusds.oauth2.sdk.TokenRequest;
import com.nimbusds.oauth2.sdk.TokenResponse;
import com.nimbusds.oauth2.sdk.as.AuthorizationServerMetadata;
import com.nimbusds.oauth2.sdk.assertions.jwt.JWTAssertionDetails;
import com.nimbusds.oauth2.sdk.assertions.jwt.JWTAssertionFactory;
import com.nimbusds.oauth2.sdk.auth.ClientAuthentication;
import com.nimbusds.oauth2.sdk.auth.ClientAuthenticationMethod;
import com.nimbusds.oauth2.sdk.auth.ClientSecretBasic;
import com.nimbusds.oauth2.sdk.auth.ClientSecretJWT;
import com.nimbusds.oauth2.sdk.auth.ClientSecretPost;
import com.nimbusds.oauth2.sdk.auth.PrivateKeyJWT;
import com.nimbusds.oauth2.sdk.auth.Secret;
import com.nimbusds.oauth2.sdk.http.HTTPRequest;
import com.nimbusds.oauth2.sdk.id.Audience;
import com.nimbusds.oauth2.sdk.id.ClientID;
import com.nimbusds.oauth2.sdk.id.Issuer;
import com.nimbusds.oauth2.sdk.id.JWTID;
import com.nimbusds.oauth2.sdk.id.Subject;
import com.nimbusds.oauth2.sdk.token.AccessToken;
import java.net.URI;
import java.net.URL;
import java.security.PrivateKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The Nimbus OAuth 2.0 SDK authenticates in each way, asserts for others and for itself, and stands in for an API. */
final class Nimbus {
    private static final String LIBRARY = Flows.library("nimbus oauth2-oidc-sdk", TokenRequest.class);

    private Nimbus() {}

    static List<Flows.Flow> flows() {
        var flows = new ArrayList<Flows.Flow>();
        add(flows, "client_secret_basic", () -> works(basic()));
        add(flows, "client_secret_basic, an id and a secret that need encoding", () -> works(
            new ClientSecretBasic(new ClientID(System.getenv("INTEROP_AWKWARD_CLIENT")), new Secret(Flows.file("awkward.secret")))));
        add(flows, "client_secret_post", () -> works(
            new ClientSecretPost(new ClientID("nimbus-post"), new Secret(Flows.file("plain.secret")))));
        add(flows, "client_secret_jwt", () -> works(shared(Flows.file("config-state/shared.secret"))));
        for (var algorithm : List.of("ES256", "ES384", "ES512", "RS256", "PS256")) {
            add(flows, "private_key_jwt, " + algorithm, () -> works(keyed(algorithm.toLowerCase())));
        }
        add(flows, "scope and resource asked for", Nimbus::scopeAndResource);
        add(flows, "metadata of RFC 8414", Nimbus::discovered);
        add(flows, "jwt-bearer, an issuer vouches for a job", () ->
            callAs("repo:acme/shop", "GET", token(null, vouched("es256", Flows.ISSUER), null)));
        add(flows, "jwt-bearer, a client asserts for itself", () ->
            callAs("nimbus-self", "POST", token(null, forItself(), Scope.parse(Flows.WRITE))));
        add(flows, "a wrong secret is invalid_client", () -> refused(OAuth2Error.INVALID_CLIENT,
            new ClientSecretBasic(new ClientID("nimbus-basic"), new Secret("wrong")), new ClientCredentialsGrant(), null));
        add(flows, "a wrong shared secret is invalid_client", () -> refused(OAuth2Error.INVALID_CLIENT,
            shared("wrong".repeat(10)), new ClientCredentialsGrant(), null));
        add(flows, "a key that is not registered is invalid_client", () -> refused(OAuth2Error.INVALID_CLIENT,
            keyed("stranger-es256"), new ClientCredentialsGrant(), null));
        add(flows, "an aud that is the token endpoint is invalid_client", () -> refused(OAuth2Error.INVALID_CLIENT,
            keyed("es256", Flows.TOKEN_ENDPOINT), new ClientCredentialsGrant(), null));
        add(flows, "an assertion by a key that is not registered is invalid_grant", () ->
            refused(OAuth2Error.INVALID_GRANT, null, vouched("stranger-es256", Flows.ISSUER), null));
        add(flows, "an unknown scope is invalid_scope", () ->
            refused(OAuth2Error.INVALID_SCOPE, basic(), new ClientCredentialsGrant(), Scope.parse("stock.burn")));
        add(flows, "an access token, by metadata and JWKS", Nimbus::verified);
        add(flows, "an access token for another API is refused", () -> Flows.refused(
            () -> verify(tokenFor(basic()).getValue(), "https://elsewhere.example"), BadJWTException.class,
            thrown -> thrown.getMessage().contains("aud")));
        add(flows, "an access token with a changed signature is refused", () -> Flows.refused(
            () -> verify(changed(tokenFor(basic()).getValue()), Flows.API), BadJWSException.class, thrown -> true));
        return flows;
    }

    private static void add(List<Flows.Flow> flows, String name, Flows.Attempt attempt) {
        flows.add(new Flows.Flow(LIBRARY, name, attempt));
    }

    private static ClientAuthentication basic() throws Exception {
        return new ClientSecretBasic(new ClientID("nimbus-basic"), new Secret(Flows.file("plain.secret")));
    }

    private static ClientAuthentication shared(String secret) throws Exception {
        return new ClientSecretJWT(new ClientID("nimbus-secret"), URI.create(Flows.ISSUER), JWSAlgorithm.HS256, new Secret(secret));
    }

    private static ClientAuthentication keyed(String key) throws Exception {
        return keyed(key, URI.create(Flows.ISSUER));
    }

    private static ClientAuthentication keyed(String key, URI audience) throws Exception {
        var jwk = jwk(key);
        return new PrivateKeyJWT(new ClientID("nimbus-key"), audience, algorithm(jwk), privateKey(jwk), jwk.getKeyID(), null);
    }

    private static JWK jwk(String key) throws Exception {
        return JWK.parse(Flows.file(key + ".jwk.json"));
    }

    private static JWSAlgorithm algorithm(JWK jwk) {
        return JWSAlgorithm.parse(jwk.getAlgorithm().getName());
    }

    private static PrivateKey privateKey(JWK jwk) throws Exception {
        return jwk.toPublicJWK().getKeyType().getValue().equals("RSA") ? jwk.toRSAKey().toPrivateKey() : jwk.toECKey().toPrivateKey();
    }

    /** What a trusted issuer says of one of its jobs, with the library's own idea of a lifetime and a jti. */
    static AuthorizationGrant vouched(String key, String audience) throws Exception {
        var plain = new JWTAssertionDetails(new Issuer("https://ci.interop.example"), new Subject("job-1"), new Audience(audience));
        return signed(key, new JWTAssertionDetails(plain.getIssuer(), plain.getSubject(), plain.getAudience(), plain.getExpirationTime(),
            plain.getNotBeforeTime(), plain.getIssueTime(), plain.getJWTID(), Map.of("repository", "acme/shop")));
    }

    private static AuthorizationGrant forItself() throws Exception {
        var now = Instant.now();
        return signed("ps256", new JWTAssertionDetails(new Issuer("nimbus-self"), new Subject("nimbus-self"),
            new Audience(Flows.TOKEN_ENDPOINT).toSingleAudienceList(), Date.from(now.plusSeconds(60)), null, Date.from(now), new JWTID(), null));
    }

    private static AuthorizationGrant signed(String key, JWTAssertionDetails details) throws Exception {
        var jwk = jwk(key);
        return new JWTBearerGrant(JWTAssertionFactory.create(details, algorithm(jwk), privateKey(jwk), jwk.getKeyID(), null, null, null));
    }

    private static TokenResponse request(ClientAuthentication client, AuthorizationGrant grant, Scope scope, URI... resources) throws Exception {
        var builder = client == null
            ? new TokenRequest.Builder(Flows.TOKEN_ENDPOINT, grant)
            : new TokenRequest.Builder(Flows.TOKEN_ENDPOINT, client, grant);
        if (scope != null) {
            builder.scope(scope);
        }
        if (resources.length > 0) {
            builder.resources(resources);
        }
        return TokenResponse.parse(builder.build().toHTTPRequest().send());
    }

    private static AccessToken token(ClientAuthentication client, AuthorizationGrant grant, Scope scope, URI... resources) throws Exception {
        var response = request(client, grant, scope, resources);
        if (!response.indicatesSuccess()) {
            throw new AssertionError(response.toErrorResponse().getErrorObject().toJSONObject().toJSONString());
        }
        return response.toSuccessResponse().getTokens().getAccessToken();
    }

    private static AccessToken tokenFor(ClientAuthentication client) throws Exception {
        return token(client, new ClientCredentialsGrant(), null);
    }

    private static void works(ClientAuthentication client) throws Exception {
        callAs(client.getClientID().getValue(), "GET", tokenFor(client));
    }

    private static void callAs(String subject, String method, AccessToken token) throws Exception {
        var request = new HTTPRequest(HTTPRequest.Method.valueOf(method), URI.create(Flows.API + "/"));
        request.setAuthorization(token.toAuthorizationHeader());
        var answer = request.send();
        Flows.checkCall(answer.getStatusCode(), answer.getBody(), subject);
    }

    private static void scopeAndResource() throws Exception {
        var token = token(keyed("es256"), new ClientCredentialsGrant(), Scope.parse(Flows.WRITE), URI.create(Flows.API));
        if (!Scope.parse(Flows.WRITE).equals(token.getScope()) || token.getLifetime() <= 0) {
            throw new AssertionError("the answer lacks scope or expires_in");
        }
        callAs("nimbus-key", "POST", token);
    }

    private static void refused(ErrorObject want, ClientAuthentication client, AuthorizationGrant grant, Scope scope) throws Exception {
        var response = request(client, grant, scope);
        if (response.indicatesSuccess()) {
            throw new AssertionError("it has got a token");
        }
        var error = response.toErrorResponse().getErrorObject();
        if (!want.equals(error) || error.getHTTPStatusCode() != want.getHTTPStatusCode() || error.getDescription() == null) {
            throw new AssertionError(error.getHTTPStatusCode() + " " + error.toJSONObject());
        }
    }

    private static AuthorizationServerMetadata metadata() throws Exception {
        return AuthorizationServerMetadata.resolve(new Issuer(Flows.ISSUER));
    }

    private static void discovered() throws Exception {
        var metadata = metadata();
        if (!Flows.TOKEN_ENDPOINT.equals(metadata.getTokenEndpointURI())
            || !metadata.getGrantTypes().containsAll(List.of(GrantType.CLIENT_CREDENTIALS, GrantType.JWT_BEARER))
            || !metadata.getTokenEndpointAuthMethods().contains(ClientAuthenticationMethod.PRIVATE_KEY_JWT)
            || !metadata.getTokenEndpointJWSAlgs().contains(JWSAlgorithm.ES256)) {
            throw new AssertionError(metadata.toJSONObject());
        }
    }

    /** Verifies an access token as an API would (RFC 9068 §4). */
    private static JWTClaimsSet verify(String token, String audience) throws Exception {
        var processor = new DefaultJWTProcessor<SecurityContext>();
        processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType("at+jwt")));
        processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.ES256,
            JWKSourceBuilder.<SecurityContext>create(new URL(metadata().getJWKSetURI().toString())).build()));
        processor.setJWTClaimsSetVerifier(new DefaultJWTClaimsVerifier<>(audience,
            new JWTClaimsSet.Builder().issuer(Flows.ISSUER).build(), Set.of("sub", "exp", "iat", "jti", "client_id", "scope")));
        return processor.process(token, null);
    }

    private static void verified() throws Exception {
        var claims = verify(tokenFor(basic()).getValue(), Flows.API);
        if (!claims.getSubject().equals("nimbus-basic") || !claims.getStringClaim("scope").equals(Flows.READ)) {
            throw new AssertionError(claims.toString());
        }
    }

    private static String changed(String token) {
        var at = token.lastIndexOf('.') + 1;
        return token.substring(0, at) + (token.charAt(at) == 'A' ? 'B' : 'A') + token.substring(at + 1);
    }
}
