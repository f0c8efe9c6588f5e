package config_test

import (
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

func TestNotation(t *testing.T) {
	allow(t, "json_is_yaml", `{"issuer": "https://auth.example.com", "signing_keys": {"directory": "./keys"},
"resources": [{"id": "https://api.example.com", "scopes": ["read"]}]}`)
	allow(t, "a_document_with_its_markers", "---\n"+prelude+"...\n")
	allow(t, "windows_line_ends", strings.ReplaceAll(prelude, "\n", "\r\n"))
	allow(t, "a_byte_order_mark", "\uFEFF"+prelude)
	allow(t, "an_expression_over_several_lines", inRules+`
      - resource: https://api.example.com
        scopes: [read]
        if: >
          claims.a == "b" &&
          claims.c == "d"
`)

	denyByForm(t, "an_unknown_section_is_refused", prelude+`
rules: []            #! rules: rules is not a field here; the fields are issuer, profile, signing_keys, access_tokens, opaque_tokens, …
`)
	denyByForm(t, "a_misspelt_section_is_refused", prelude+`
client: []           #! client: client is not a field here; did you mean clients?
`)
	denyByForm(t, "a_list_is_no_configuration", `
- issuer: https://auth.example.com       #! the document is a list; write a mapping of fields
`)
	denyByForm(t, "text_is_no_configuration", `
configuration        #! the document is text; write a mapping of fields
`)
	denyByForm(t, "an_empty_mapping_is_no_configuration", `{}       #! the document is empty; give it a field`)
	denyByForm(t, "a_null_is_refused", prelude+`
clients:             #! clients: clients has no value; give it one
issuers: ~           #! issuers: issuers has no value; give it one
`)
	denyByForm(t, "a_null_in_a_list_is_refused", inIssuer+`
    audiences: [a, null]          #! issuers[0].audiences[1]: audiences[1] has no value; give it one
`)
	denyByForm(t, "an_empty_list_is_refused", prelude+`
clients: []          #! clients: clients is empty; list at least one
`)
	denyByForm(t, "an_empty_mapping_is_refused", prelude+`
access_tokens: {}    #! access_tokens: access_tokens is empty; give it a field
`)
	denyByForm(t, "an_empty_text_is_refused", inIssuer+`
    audiences: [""]  #! issuers[0].audiences[0]: audiences[0] is empty; give it a value
`)
	denyByForm(t, "a_number_is_not_text", inIssuer+`
    audiences: [42]  #! issuers[0].audiences[0]: audiences[0] is a number; write it in quotes, so that it is text
`)
	denyByForm(t, "a_boolean_is_not_text", inIssuer+`
    audiences: [true]   #! issuers[0].audiences[0]: audiences[0] is a boolean; write it in quotes, so that it is text
`)
	denyByForm(t, "a_mapping_is_not_text", inIssuer+`
    types: [{a: b}]     #! issuers[0].types[0]: types[0] is a mapping; write text
`)
	denyByForm(t, "text_is_not_a_list", inIssuer+`
    audiences: a     #! issuers[0].audiences: audiences is text; write a list
`)
	denyByForm(t, "text_is_not_a_mapping", prelude+`
access_tokens: 10m   #! access_tokens: access_tokens is text; write a mapping of fields
`)
	denyByForm(t, "yes_is_not_a_boolean", prelude+`
troubleshooting: {rec_token: yes}     #! troubleshooting.rec_token: rec_token is text; write true or false
`)
	denyByForm(t, "a_quoted_boolean_is_not_a_boolean", prelude+`
troubleshooting: {rec_token: "true"}  #! troubleshooting.rec_token: rec_token is text; write true or false
`)
	denyByNotation(t, "a_date_is_not_text", inIssuer+`
    audiences: [2026-01-31]    #! issuers[0].audiences[0]: audiences[0] is a date; write it in quotes, so that it is text
`)
}

func TestASecondDocumentIsRefused(t *testing.T) {
	const second = "#! the document has a second YAML document that begins here; a configuration is a single one\n"
	denyByNotation(t, "another_configuration", prelude+"---\nissuer: https://other.example.com   "+second)
	denyByNotation(t, "after_an_end_marker", prelude+"...\n---\nx   "+second)
	denyByNotation(t, "a_null", prelude+"---\n~   "+second)
}

// What makes a document say something else than what is written on its lines.
func TestNotationThatHidesMeaningIsRefused(t *testing.T) {
	denyByNotation(t, "a_field_given_twice", prelude+`
clock_skew: 1s
clock_skew: 60s      #! clock_skew: clock_skew is given twice, first on line 7; give it once
`)
	denyByNotation(t, "a_field_given_twice_in_one_line", prelude+`
access_tokens: {lifetime: 1m, lifetime: 2m}    #! access_tokens.lifetime: lifetime is given twice, first on line 7; …
`)
	denyByNotation(t, "a_field_given_twice_in_two_notations", prelude+`
clock_skew: 1s
"clock_\x73kew": 60s #! clock_skew: clock_skew is given twice, first on line 7; give it once
`)
	denyByNotation(t, "an_unknown_field_given_twice", prelude+`
nonsense: 1          #! nonsense: nonsense is not a field here; …
nonsense: 1          #! nonsense: nonsense is given twice, first on line 7; give it once
`)
	denyByNotation(t, "an_anchor", prelude+`
clock_skew: &skew 1s         #! clock_skew: clock_skew has an anchor; leave it out, since aliases are not used here
`)
	denyByNotation(t, "an_anchor_and_its_alias", prelude+`
access_tokens: {lifetime: &short 10s}    #! access_tokens.lifetime: lifetime has an anchor; …
clock_skew: *short                       #! clock_skew: clock_skew is an alias; write the value itself
`)
	denyByNotation(t, "an_alias_of_an_enclosing_value", prelude+`
clients: &all        #! clients: clients has an anchor; leave it out, since aliases are not used here
  - *all
`)
	denyByNotation(t, "an_alias_as_a_field_name", prelude+`
access_tokens: &a {lifetime: 10s}        #! access_tokens: access_tokens has an anchor; …
*a : 1                                   #! the document has a field name that is not plain text; …
`)
	denyByNotation(t, "an_anchor_of_a_field_name", prelude+`
&a clock_skew: 10s   #! the document has a field name that is not plain text; …
`)
	denyByNotation(t, "an_anchor_of_the_document", `&a {issuer: x}       #! the document has an anchor; leave it out, since aliases are not used here`)
	denyByNotation(t, "a_merge_key", prelude+`
access_tokens:
  <<: {lifetime: 8760h}      #! access_tokens: access_tokens has a merge key (<<); write the fields themselves
`)
	denyByNotation(t, "a_quoted_merge_key", prelude+`
access_tokens:
  "<<": {lifetime: 8760h}    #! access_tokens."<<": "<<" is not a field here; the fields are lifetime
`)
	denyByNotation(t, "a_tag", prelude+`
clock_skew: !!str 10s        #! clock_skew: clock_skew has an explicit tag; leave it out
`)
	denyByNotation(t, "a_tag_that_names_no_type", prelude+`
clock_skew: ! 10s            #! clock_skew: clock_skew has an explicit tag; leave it out
`)
	denyByNotation(t, "a_tag_in_full", prelude+`
clock_skew: !<tag:yaml.org,2002:str> 10s   #! clock_skew: clock_skew has an explicit tag; leave it out
`)
	denyByNotation(t, "a_tag_of_a_list", inIssuer+`
    audiences: !!set [a]     #! issuers[0].audiences: audiences has an explicit tag; leave it out
`)
	denyByNotation(t, "a_tag_of_a_field_name", prelude+`
!!str clock_skew: 10s        #! the document has a field name that is not plain text; …
`)
	denyByNotation(t, "a_number_as_a_field_name", prelude+`
7: x                 #! the document has a field name that is a number; write it in quotes, so that it is text
`)
	denyByNotation(t, "a_null_as_a_field_name", prelude+`
~: x                 #! the document has a field name that is a null; …
`)
	denyByNotation(t, "a_list_as_a_field_name", prelude+`
[a, b]: x            #! the document has a field name that is not plain text; …
`)
	denyByNotation(t, "an_empty_field_name", prelude+`
"": x                #! the document has a field without a name; give it one
`)
	denyByNotation(t, "a_field_name_that_would_forge_a_line", prelude+`
"a\nconfig.yaml:1: issuer": x     #! "a\nconfig.yaml:1: issuer": "a\nconfig.yaml:1: issuer" is not a field here; …
`)
}

func TestADocumentThatCannotBeReadIsRefusedWithItsLine(t *testing.T) {
	for _, test := range []struct {
		name     string
		document string
		want     string // the beginning of the one fault
	}{
		{"nothing", "", "config.yaml:1: the document is empty"},
		{"comments_only", "# nothing\n", "config.yaml:1: the document is empty"},
		{"a_null", "~", "config.yaml:1: the document has no value"},
		{"an_open_bracket", prelude + "clients: [\n", "config.yaml:7: the document is not YAML: "},
		{"a_tab_as_indentation", prelude + "clients:\n\t- id: a\n", "config.yaml:7: the document is not YAML: "},
		{"a_broken_indentation", "issuer: a\n clock_skew: b\n", "config.yaml:2: the document is not YAML: "},
		{"a_text_without_end", "issuer: \"a\n", "config.yaml:2: the document is not YAML: "},
		{"half_a_surrogate_pair", `issuer: "\ud800"`, "config.yaml:1: the document is not YAML: "},
		{"a_control_character", "issuer: a\nclock_skew: \x01\n", "config.yaml:2: the document is not YAML: "},
		{"a_fault_after_the_document", prelude + "---\n]\n", "config.yaml:7: the document is not YAML: "},
		{"an_alias_without_anchor", prelude + "clock_skew: *hunter2\n",
			"config.yaml:6: the document is not YAML: an alias has no anchor; write the value itself"},
		{"bytes_that_are_not_utf_8", "issuer: a\nclock_skew: \xff\n", "config.yaml:2: the document is not UTF-8"},
		{"an_overlong_encoding", "issuer: \xc0\xaf\n", "config.yaml:1: the document is not UTF-8"},
		{"utf_16", "\xff\xfei\x00s\x00", "config.yaml:1: the document is not UTF-8"},
		{"brackets_a_thousand_deep", "issuer: " + strings.Repeat("[", 1000), "config.yaml:1: the document is not YAML: "},
		{"lists_a_thousand_deep", strings.Repeat("- ", 1000), "config.yaml:1: the document is not YAML: "},
		{"more_than_8_mib", "#" + strings.Repeat("x", 8<<20), "config.yaml:1: the document has 8388609 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, faults := config.Load("config.yaml", []byte(test.document))
			if c == nil {
				t.Error("Load returned no Config")
			}
			if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), test.want) {
				t.Errorf("faults are\n%v\nwant one that begins with\n%s", faults, test.want)
			}
		})
	}
}

func TestADocumentOf8MiBIsRead(t *testing.T) {
	comment := "#" + strings.Repeat("x", 8<<20-len(prelude)-2) + "\n"
	if _, faults := config.Load("config.yaml", []byte(comment+prelude)); len(faults) > 0 {
		t.Errorf("faults:\n%v", faults)
	}
}
