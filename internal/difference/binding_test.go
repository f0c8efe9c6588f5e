package difference_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/difference"
)

// strict is a server that is held to a profile, with a client that is so by itself too.
const strict = `profile: fapi2
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: "urn:api", scopes: [read]}]
clients:
  - id: bank
    profile: fapi2 # bank
    authentication: private_key_jwt
    keys: {file: one.json}
    grants: [client_credentials]
    allow: [{resource: "urn:api", scopes: [read]}]
  - id: other
    authentication: private_key_jwt
    keys: {file: two.json}
    grants: [client_credentials]
    allow: [{resource: "urn:api", scopes: [read]}]
`

const section = "mutual_tls:\n  proxy: {secret: projects/acme/secrets/proxy}\n"

func TestAProfileOfTheServerThatEndsWidens(t *testing.T) {
	free := replaced(t, strict, "profile: fapi2\n", "")
	if there := compare(t, strict, free); !has(there, "", "profile", true) || len(there) != 1 {
		t.Errorf("others are no longer held to it:\n%s", list(there))
	}
	if back := compare(t, free, strict); !has(back, "", "profile", false) || difference.Widens(back) {
		t.Errorf("to be held to it gives nobody anything:\n%s", list(back))
	}
}

func TestAProfileOfAClientThatTheServerHasTooWidensNothing(t *testing.T) {
	without := replaced(t, strict, "    profile: fapi2 # bank\n", "")
	for _, changes := range [][]difference.Change{compare(t, strict, without), compare(t, without, strict)} {
		if !has(changes, "bank", "profile", false) || difference.Widens(changes) {
			t.Errorf("the client is held to it as the whole server is:\n%s", list(changes))
		}
	}
	neither := replaced(t, without, "profile: fapi2\n", "")
	if changes := compare(t, strict, neither); !has(changes, "bank", "profile", true) || !has(changes, "", "profile", true) {
		t.Errorf("nobody is held to it any more:\n%s", list(changes))
	}
}

func TestWhoIsBelievedFromNowOnWidensAndNobodyDoesNot(t *testing.T) {
	there := compare(t, strict, strict+section)
	for _, what := range []string{"mutual_tls.proxy", "mutual_tls.certificate_header", "mutual_tls.chain_header"} {
		if !has(there, "", what, true) {
			t.Errorf("want that %s widens:\n%s", what, list(there))
		}
	}
	if back := compare(t, strict+section, strict); len(back) != len(there) || difference.Widens(back) {
		t.Errorf("nobody is believed any more:\n%s", list(back))
	}
}

func TestNewDemandsNarrow(t *testing.T) {
	for what, after := range map[string]string{
		"replay.firestore": strict + "replay: {firestore: projects/acme/databases/replay}\n",
		"dpop.nonces":      strict + "dpop: {nonces: projects/acme/secrets/nonces}\n",
	} {
		if changes := compare(t, strict, after); !has(changes, "", what, false) || len(changes) != 1 {
			t.Errorf("%s asks for more:\n%s", what, list(changes))
		}
	}
}

// TestAuthoritiesAreComparedByWhatTheyAre holds that it is the certificates that count, and not where they are.
func TestAuthoritiesAreComparedByWhatTheyAre(t *testing.T) {
	const pem = `-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n`
	read := map[string][]byte{
		"one.json": keySet(t, "one"), "two.json": keySet(t, "two"),
		"same.pem": []byte(strings.ReplaceAll(pem, `\n`, "\n")), "other.pem": []byte("others"),
	}
	with := func(authorities string) difference.Document {
		text := strings.Replace(strict, "private_key_jwt\n    keys: {file: two.json}", "tls_client_auth\n    tls_client_auth_san_dns: other", 1)
		return document(t, text+section+"  "+authorities+"\n", read)
	}
	same, err := difference.Compare(with(`ca: "`+pem+`"`), with("ca_file: same.pem"))
	if err != nil || len(same) > 0 {
		t.Errorf("these are the same certificates: %v\n%s", err, list(same))
	}
	others, err := difference.Compare(with("ca_file: same.pem"), with("ca_file: other.pem"))
	if err != nil || !has(others, "", "mutual_tls.ca", true) || len(others) != 1 {
		t.Errorf("these are others: %v\n%s", err, list(others))
	}
	for _, pair := range [][2]string{{"ca_file: same.pem", "ca_file: missing.pem"}, {"ca_file: missing.pem", "ca_file: same.pem"}} {
		if changes, err := difference.Compare(with(pair[0]), with(pair[1])); err == nil {
			t.Errorf("a file that has not been read is no file without change:\n%s", list(changes))
		}
	}
	if files := difference.Files(with("ca_file: same.pem").Configuration); files[0] != "same.pem" {
		t.Errorf("the files are %q", files)
	}
}

func TestAnotherKindOfNameInACertificateWidens(t *testing.T) {
	const host = "san_dns: gateway.example.com"
	for what, other := range map[string]string{
		"subject_dn": "subject_dn: CN=gateway", "san_uri": `san_uri: "urn:gateway"`, "san_ip": "san_ip: 192.0.2.7",
		"san_email": "san_email: gateway@example.com",
	} {
		after := replaced(t, base, host, other)
		if there := compare(t, base, after); !has(there, "gateway", "tls_client_auth_"+what, true) || len(there) != 2 {
			t.Errorf("whoever has a certificate of %s is the client:\n%s", other, list(there))
		}
		if back := compare(t, after, base); !has(back, "gateway", "tls_client_auth_san_dns", true) || len(back) != 2 {
			t.Errorf("whoever has a certificate of the host is the client:\n%s", list(back))
		}
	}
}
