import com.nimbusds.jose.util.JSONObjectUtils;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Predicate;

/** What the flows share: where everything is, as the runner says (see system.environment there), and how they end. */
final class Flows {
    static final String ISSUER = System.getenv("INTEROP_ISSUER");
    static final URI TOKEN_ENDPOINT = URI.create(ISSUER + "/token");
    static final String API = System.getenv("INTEROP_API");
    static final String READ = "stock.read";
    static final String WRITE = "stock.write";

    private Flows() {}

    /** One thing that one library is to do. */
    record Flow(String library, String name, Attempt attempt) {}

    interface Attempt {
        void run() throws Exception;
    }

    static Path path(String name) {
        return Path.of(System.getenv("INTEROP_KEYS"), name.split("/"));
    }

    static String file(String name) throws IOException {
        return Files.readString(path(name));
    }

    /** Returns the name of a library with the version that its jar's name has. */
    static String library(String name, Class<?> of) {
        var jar = Path.of(of.getProtectionDomain().getCodeSource().getLocation().getPath()).getFileName().toString();
        return name + " " + jar.substring(jar.lastIndexOf('-') + 1, jar.length() - ".jar".length());
    }

    /** Calls the protected API with the Authorization header, and checks on whose behalf that was. */
    static void call(String authorization, String method, String subject) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(API + "/"))
            .header("Authorization", authorization)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        checkCall(answer.statusCode(), answer.body(), subject);
    }

    static void checkCall(int status, String body, String subject) throws Exception {
        if (status != 200 || !subject.equals(JSONObjectUtils.parse(body).get("sub"))) {
            throw new AssertionError("the API says " + status + " " + body + "; want 200 for " + subject);
        }
    }

    /** Turns the exception that must not be missing into success. */
    static <E extends Exception> void refused(Attempt attempt, Class<E> kind, Predicate<E> isRight) throws Exception {
        try {
            attempt.run();
        } catch (Exception thrown) {
            if (kind.isInstance(thrown) && isRight.test(kind.cast(thrown))) {
                return;
            }
            throw new AssertionError("it fails in another way than it should", thrown);
        }
        throw new AssertionError("it has got a token");
    }
}
