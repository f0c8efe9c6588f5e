package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/config"
)

func TestStopList(t *testing.T) {
	allow(t, "a_secret", prelude+`stop_list: {secret: projects/acme/secrets/stops}`)
	allow(t, "a_resource_with_a_status_list", strings.Replace(prelude, "[read, write]", "[read, write]\n    status_list: true", 1)+
		`stop_list: {secret: projects/acme/secrets/stops}`)
	allow(t, "a_resource_without_one", strings.Replace(prelude, "[read, write]", "[read, write]\n    status_list: false", 1))

	denyByForm(t, "an_empty_section_is_refused", prelude+`
stop_list: {}                            #! stop_list: stop_list is empty; give it a field
`)
	denyByForm(t, "the_list_itself_is_refused", prelude+`
stop_list: [alice]                       #! stop_list: stop_list is a list; write a mapping of fields
`)
	denyByForm(t, "what_is_no_name_of_a_secret_is_refused", prelude+`
stop_list: {secret: correct-horse}       #! stop_list.secret: secret is not the name of a secret; …
`)
	denyByMeaning(t, "the_secret_of_something_else_is_refused", prelude+`
dpop: {nonces: projects/acme/secrets/one}
stop_list: {secret: projects/acme/secrets/one} #! stop_list.secret: secret is what dpop.nonces …
`)
	denyByMeaning(t, "a_status_list_of_tokens_that_nobody_reads_is_refused", strings.Replace(prelude, "[read, write]", `[read, write]
    access_tokens: {format: opaque}
    status_list: true                    #! resources[0].status_list: status_list is for an API that can read its tokens; …`, 1)+`
opaque_tokens: {secret: projects/acme/secrets/opaque}
stop_list: {secret: projects/acme/secrets/stops}
`)
	denyByMeaning(t, "a_status_list_on_which_nothing_would_ever_be_is_refused", strings.Replace(prelude, "[read, write]", `[read, write]
    status_list: true                    #! resources[0].status_list: status_list needs stop_list: …`, 1))
}

// stops reads a list, and holds the faults that it states to those that it has.
func stops(t *testing.T, document string) []config.Stop {
	t.Helper()
	read, faults := config.LoadStops("version 1", []byte(document))
	var got, want []string
	for _, fault := range faults {
		got = append(got, fault.Error())
	}
	for n, line := range strings.Split(document, "\n") {
		if _, stated, is := strings.Cut(line, mark); is {
			path, problem, _ := strings.Cut(stated, ": ")
			at := config.Position{Document: "version 1", Line: n + 1, Path: path}
			want = append(want, at.String()+": "+problem)
		}
	}
	if len(got) != len(want) {
		t.Errorf("faults %q, want %q", got, want)
		return read
	}
	for n, fault := range want {
		if beginning, is := strings.CutSuffix(fault, "…"); got[n] != fault && (!is || !strings.HasPrefix(got[n], beginning)) {
			t.Errorf("fault %q, want %q", got[n], fault)
		}
	}
	return read
}

func TestAStopListNamesWhomItStops(t *testing.T) {
	got := stops(t, `
entries:
  - issuer: https://ci.example.com
  - {client: billing, kid: billing-1}
  - {kid: NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs}
  - {issuer: https://idp.example.com, subject: alice}
  - {subject: mallory, issued_before: 2026-03-01T12:00:00Z}
  - {client: reporting, issued_before: "2026-03-01T13:00:00+01:00"}
  - jti: ABC
`)
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	want := []config.Stop{
		{Issuer: "https://ci.example.com"},
		{Client: "billing", KeyID: "billing-1"},
		{KeyID: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		{Issuer: "https://idp.example.com", Subject: "alice"},
		{Subject: "mallory", IssuedBefore: at},
		{Client: "reporting", IssuedBefore: at},
		{ID: "ABC"},
	}
	if difference := cmp.Diff(want, got, cmpopts.IgnoreTypes(config.Position{})); difference != "" {
		t.Errorf("want -, got +:\n%s", difference)
	}
	if place := got[3].At.String(); place != "version 1:6: entries[3]" {
		t.Errorf("the place of an entry is %s", place)
	}
}

func TestAStopListOfNobodySaysSo(t *testing.T) {
	if got := stops(t, "entries: []\n"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	for name, document := range map[string]string{
		"nothing": "", "a comment": "# nobody\n", "a mapping of nothing": "{}", "no list": "entries:\n", "a null": "entries: null\n",
		"one that is not in a list": "entries: {client: billing}\n", "no entries": "clients: [billing]\n", "no YAML": "entries: [\n", "not UTF-8": "entries: [\xff]\n",
	} {
		if _, faults := config.LoadStops("version 1", []byte(document)); len(faults) == 0 {
			t.Errorf("%s is a list of nobody", name)
		}
	}
}

func TestAStopListWithFaultsSaysWhere(t *testing.T) {
	stops(t, `
entries:
  - {issued_before: 2026-03-01T12:00:00Z} #! entries[0]: entries[0] stops nobody; give one of issuer, client, kid, subject, jti
  - {clientt: billing, subject: x}        #! entries[1].clientt: clientt is not a field here; did you mean client?
  - {subject: 4711}                       #! entries[2].subject: subject is a number; write it in quotes, so that it is text
  - {subject: ""}                         #! entries[3].subject: subject is empty; give it a value
  - {subject: x, issued_before: 2026-03-01} #! entries[4].issued_before: issued_before is not a moment; …
  - {subject: x, issued_before: yesterday}  #! entries[5].issued_before: issued_before is not a moment; …
  - {subject: x, issued_before: 0001-01-01T00:00:00Z} #! entries[6].issued_before: issued_before is not a moment; …
  - {subject: x, issued_before: [a]}      #! entries[7].issued_before: issued_before is not a moment; …
  - {issuer: x, issued_before: 2026-03-01T12:00:00Z} #! entries[8].issuer: issuer does not belong here: …
  - {kid: x, issued_before: 2026-03-01T12:00:00Z}    #! entries[9].kid: kid does not belong here: …
  - {jti: x, issued_before: 2026-03-01T12:00:00Z}    #! entries[10].jti: jti does not belong here: …
  - {kid: x, subject: y}                  #! entries[11].subject: subject does not belong here: …
  - {kid: x, jti: y}                      #! entries[12].jti: jti does not belong here: …
  - alice                                 #! entries[13]: entries[13] is text; write a mapping of fields
  - {client: a, client: b}                #! entries[14].client: client is given twice, …
other: 1                                  #! other: other is not a field here; the fields are entries
`)
}

func FuzzLoadStops(f *testing.F) {
	f.Add([]byte("entries:\n  - {client: billing, kid: one}\n  - {subject: x, issued_before: 2026-03-01T12:00:00Z}\n"))
	f.Add([]byte("entries: []"))
	f.Add([]byte("entries: [{jti: *a}]"))
	f.Fuzz(func(t *testing.T, document []byte) {
		read, faults := config.LoadStops("version 1", document)
		if len(faults) > 0 {
			return
		}
		for _, stop := range read {
			if stop.Issuer+stop.Client+stop.KeyID+stop.Subject+stop.ID == "" {
				t.Errorf("%s stops nobody", stop.At)
			}
		}
	})
}
