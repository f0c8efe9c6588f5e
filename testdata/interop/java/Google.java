import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.auth.oauth2.GoogleCredentials;
import com.nimbusds.jose.util.JSONObjectUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Google's library reads a key file and asks its token_uri. Its aud is Google's token endpoint whatever token_uri says. */
final class Google {
    private static final String LIBRARY = Flows.library("google-auth-library-java", GoogleCredentials.class);
    private static final String ROBOT = "robot@interop.example";

    private Google() {}

    static List<Flows.Flow> flows() {
        return List.of(
            new Flows.Flow(LIBRARY, "ServiceAccountCredentials.fromStream", () -> works(credentials(file()), "GET", Flows.READ)),
            new Flows.Flow(LIBRARY, "two scopes, twice", () -> {
                works(credentials(file()), "POST", Flows.READ, Flows.WRITE);
                works(credentials(file()), "POST", Flows.READ, Flows.WRITE);
            }),
            new Flows.Flow(LIBRARY, "a key that is not registered is invalid_grant", () -> Flows.refused(
                () -> credentials(withStrangerKey()).createScoped(Flows.READ).refresh(), IOException.class,
                thrown -> String.valueOf(thrown.getMessage()).contains("invalid_grant"))));
    }

    private static ServiceAccountCredentials credentials(String file) throws IOException {
        return ServiceAccountCredentials.fromStream(new ByteArrayInputStream(file.getBytes(StandardCharsets.UTF_8)));
    }

    private static String file() throws IOException {
        return Flows.file("robot.json");
    }

    private static String withStrangerKey() throws Exception {
        var key = JSONObjectUtils.parse(file());
        key.put("private_key", Flows.file("stranger-rs256.pem"));
        return JSONObjectUtils.toJSONString(key);
    }

    private static void works(ServiceAccountCredentials credentials, String method, String... scopes) throws Exception {
        var headers = credentials.createScoped(scopes).getRequestMetadata(URI.create(Flows.API + "/"));
        Flows.call(headers.get("Authorization").get(0), method, ROBOT);
    }
}
