import com.nimbusds.jose.util.JSONObjectUtils;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;

/** Other people's libraries for Java get tokens from Countersign and use them. One JSON object is printed for each flow. */
final class Clients {
    private Clients() {}

    public static void main(String[] arguments) {
        var output = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (var flows : List.of(Nimbus.flows(), Bound.flows(), Google.flows())) {
            for (var flow : flows) {
                var error = "";
                try {
                    flow.attempt().run();
                } catch (Exception | AssertionError thrown) {
                    var text = new StringWriter();
                    thrown.printStackTrace(new PrintWriter(text));
                    error = text.toString();
                }
                var outcome = new LinkedHashMap<String, Object>();
                outcome.put("library", flow.library());
                outcome.put("flow", flow.name());
                outcome.put("error", error);
                output.println(JSONObjectUtils.toJSONString(outcome));
            }
        }
    }
}
