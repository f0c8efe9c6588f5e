package oauth_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"example.com/countersign/internal/oauth"
)

const text = "hunter2"

// forms are the text as careless printing would give it: as it is, in hexadecimal, in bytes, in base64.
var forms = []string{text, "68756e74657232", "68 75 6e", "0x68", "104 117", "aHVudGVyMg", "HUNTER2"}

func refuseText(t *testing.T, how, printed string) {
	t.Helper()
	for _, form := range forms {
		if strings.Contains(printed, form) {
			t.Errorf("%s: %q", how, printed)
		}
	}
}

func TestSecret_is_redacted_by_every_verb_however_deep_it_lies(t *testing.T) {
	secret := oauth.NewSecret(text)
	type exported struct{ Secret oauth.Secret }
	type hidden struct{ secret oauth.Secret }
	type pointed struct{ secret *oauth.Secret }
	request, err := oauth.ParseTokenRequest(form("grant_type", "x", "assertion", text, "client_id", "c", "client_secret", text))
	if err != nil {
		t.Fatal(err)
	}
	values := []any{
		secret, &secret, exported{secret}, &exported{secret}, hidden{secret}, &hidden{secret}, pointed{&secret},
		[]oauth.Secret{secret}, [1]oauth.Secret{secret}, map[string]oauth.Secret{"k": secret}, map[oauth.Secret]int{secret: 1},
		[]any{hidden{secret}}, struct{ inner hidden }{hidden{secret}}, struct{ any any }{hidden{secret}},
		request, &request, struct{ request oauth.TokenRequest }{request},
	}
	for _, value := range values {
		for _, verb := range strings.Split("v +v #v s q +q #q x X #x d +d o b c U e f g t p w T", " ") {
			refuseText(t, fmt.Sprintf("%%%s of %T", verb, value), fmt.Sprintf("%"+verb, value))
		}
		refuseText(t, fmt.Sprintf("Sprint of %T", value), fmt.Sprint(value)+fmt.Sprintln(value))
		refuseText(t, fmt.Sprintf("an error of %T", value), fmt.Errorf("doing x: %v", value).Error())
	}
	for _, verb := range []string{"%v", "%s", "%d", "%x", "%q", "%#v", "%10.2v"} {
		if printed := fmt.Sprintf(verb, secret); printed != "[redacted]" {
			t.Errorf("%s: %q", verb, printed)
		}
	}
	if printed := secret.String(); printed != "[redacted]" {
		t.Errorf("String: %q", printed)
	}
}

func TestSecret_is_redacted_by_every_encoding(t *testing.T) {
	type carrier struct{ Secret oauth.Secret }
	value := carrier{oauth.NewSecret(text)}
	asJSON, err := json.Marshal(value)
	if err != nil || string(asJSON) != `{"Secret":"[redacted]"}` {
		t.Errorf("JSON: %s, %v", asJSON, err)
	}
	asXML, err := xml.Marshal(value)
	if err != nil || !strings.Contains(string(asXML), "[redacted]") {
		t.Errorf("XML: %s, %v", asXML, err)
	}
	refuseText(t, "XML", string(asXML))
	asKey, err := json.Marshal(map[oauth.Secret]int{value.Secret: 1})
	if err != nil || string(asKey) != `{"[redacted]":1}` {
		t.Errorf("a JSON name: %s, %v", asKey, err)
	}
	var page bytes.Buffer
	if err := template.Must(template.New("").Parse("{{.Secret}} {{printf \"%s %d\" .Secret .Secret}}")).Execute(&page, value); err != nil {
		t.Error(err)
	}
	refuseText(t, "a template", page.String())
}

func TestSecret_is_redacted_by_every_log(t *testing.T) {
	type hidden struct{ secret oauth.Secret }
	secret := oauth.NewSecret(text)
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("as it is", "secret", secret)
		log.Info("by its address", "secret", &secret)
		log.Info("in a list", "secret", []oauth.Secret{secret})
		log.Info("hidden", "secret", hidden{secret})
		log.Info("hidden by its address", "secret", &hidden{secret})
		log.Info("in an error", "error", fmt.Errorf("x: %w, %v", errors.New("y"), secret))
		log.With("secret", secret).WithGroup("g").Info("in the context", slog.Group("h", "secret", secret))
	}
	refuseText(t, "slog", out.String())
	if redactions := strings.Count(out.String(), "[redacted]"); redactions < 12 {
		t.Errorf("%d redactions in\n%s", redactions, &out)
	}
}

func TestSecret_reveals_its_text_where_it_is_asked_to(t *testing.T) {
	if got := oauth.NewSecret(text).Reveal(); got != text {
		t.Errorf("%q", got)
	}
	if oauth.NewSecret(text).IsZero() {
		t.Error("it is zero")
	}
	for _, none := range []oauth.Secret{{}, oauth.NewSecret("")} {
		if !none.IsZero() || none.Reveal() != "" {
			t.Errorf("%q", none.Reveal())
		}
	}
}
