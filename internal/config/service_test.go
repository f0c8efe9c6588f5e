package config_test

import (
	"testing"
)

// issued returns a document of this issuer, which is on its first line.
func issued(issuer string) string {
	return "issuer: " + issuer + `
signing_keys: {directory: ./keys}
resources: [{id: https://api.example.com, scopes: [read]}]
`
}

func TestIssuer(t *testing.T) {
	allow(t, "a_host", issued(`https://auth.example.com`))
	allow(t, "a_port", issued(`https://auth.example.com:8443`))
	allow(t, "a_path", issued(`https://example.com/tenants/acme`))
	allow(t, "a_final_slash", issued(`https://auth.example.com/`))
	allow(t, "an_at_sign_in_the_path", issued(`https://example.com/@acme`))
	allow(t, "http_on_localhost", issued(`http://localhost:8080`))
	allow(t, "http_on_the_loopback_address", issued(`http://127.0.0.1:8080`))
	allow(t, "http_on_the_ipv6_loopback_address", issued(`"http://[::1]:8080/path"`))

	denyByForm(t, "no_issuer_is_refused", `
signing_keys: {directory: ./keys}        #! issuer: issuer is missing
resources: [{id: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "a_name_alone_is_refused", issued(`auth.example.com #! issuer: issuer is not an https URL; …`))
	denyByForm(t, "another_scheme_is_refused", issued(`ftp://auth.example.com #! issuer: issuer is not an https URL; …`))
	denyByForm(t, "upper_case_letters_in_the_scheme_are_refused",
		issued(`HTTPS://auth.example.com #! issuer: issuer has upper-case letters in its scheme; …`))
	denyByForm(t, "a_query_is_refused", issued(`https://auth.example.com?a=b #! issuer: issuer has a query; …`))
	denyByForm(t, "an_empty_query_is_refused", issued(`https://auth.example.com? #! issuer: issuer has a query; …`))
	denyByForm(t, "a_fragment_is_refused", issued(`https://auth.example.com#a #! issuer: issuer has a fragment; …`))
	denyByForm(t, "an_empty_fragment_is_refused", issued(`"https://auth.example.com#" #! issuer: issuer has a fragment; …`))
	denyByForm(t, "a_space_is_refused", issued(`"https://auth.example.com " #! issuer: issuer has the character ' ', which no URI has; …`))
	denyByForm(t, "a_line_break_is_refused", issued(`"https://auth.example.com\n" #! issuer: issuer has the character '\n', …`))
	denyByForm(t, "a_number_is_refused", issued(`1 #! issuer: issuer is a number; …`))

	denyByMeaning(t, "http_on_another_host_is_refused",
		issued(`http://auth.example.com #! issuer: issuer is http beyond this machine; write https://HOST, …`))
	for _, host := range []string{
		"localhost.example.com", "127.0.0.1.example.com", "127.1", "127.0.0.2", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]",
		"LOCALHOST", "localhost.", "10.0.0.1", "2130706433",
	} {
		denyByMeaning(t, "http_on_what_looks_like_this_machine_is_refused/"+host,
			issued(`"http://`+host+`" #! issuer: issuer is http beyond this machine; …`))
	}
	denyByMeaning(t, "a_user_name_is_refused", issued(`https://a@auth.example.com #! issuer: issuer has a user name; …`))
	denyByMeaning(t, "a_host_behind_a_host_is_refused",
		issued(`https://auth.example.com@evil.example.com #! issuer: issuer has a user name; …`))
	denyByMeaning(t, "no_host_is_refused", issued(`https:///path #! issuer: issuer has no host; …`))
	denyByMeaning(t, "a_port_alone_is_refused", issued(`https://:8443 #! issuer: issuer has no host; …`))
	denyByMeaning(t, "a_port_that_is_no_number_is_refused", issued(`https://auth.example.com:x #! issuer: issuer is not a URI; …`))
	denyByMeaning(t, "a_backslash_is_refused", issued(`https://auth.example.com\path #! issuer: issuer has the character '\\', …`))
	denyByMeaning(t, "a_template_is_refused", issued(`https://{tenant}.example.com #! issuer: issuer has the character '{', …`))
	denyByMeaning(t, "letters_beyond_ascii_are_refused", issued(`https://äuth.example.com #! issuer: issuer has the character 'ä', …`))
	denyByMeaning(t, "a_broken_escape_is_refused", issued(`https://auth.example.com/%zz #! issuer: issuer is not a URI; …`))
}

func TestClockSkew(t *testing.T) {
	allow(t, "none_at_all", prelude+`clock_skew: 0s`)
	allow(t, "a_minute", prelude+`clock_skew: 1m`)
	allow(t, "sixty_seconds", prelude+`clock_skew: 60s`)
	denyByMeaning(t, "more_than_a_minute_is_refused", prelude+`
clock_skew: 61s      #! clock_skew: clock_skew is "61s"; it can be 0s at least and 1m at most
`)
}

func TestLifetime(t *testing.T) {
	allow(t, "seconds", prelude+`access_tokens: {lifetime: 1s}`)
	allow(t, "all_units", prelude+`access_tokens: {lifetime: 1h30m15s}`)
	allow(t, "a_year", prelude+`access_tokens: {lifetime: 8760h}`)

	for name, written := range map[string]string{
		"a_number_without_unit_is_refused": `600`,
		"zero_without_unit_is_refused":     `0`,
		"a_negative_duration_is_refused":   `-10m`,
		"a_signed_duration_is_refused":     `+10m`,
		"a_fraction_is_refused":            `1.5h`,
		"milliseconds_are_refused":         `1500ms`,
		"days_are_refused":                 `1d`,
		"units_out_of_order_are_refused":   `30s10m`,
		"upper_case_is_refused":            `10M`,
		"a_space_is_refused":               `10 m`,
		"a_clock_time_is_refused":          `"00:10:00"`,
		"an_iso_8601_duration_is_refused":  `PT10M`,
		"a_list_is_refused":                `[10m]`,
		"a_boolean_is_refused":             `true`,
	} {
		denyByForm(t, name, prelude+`
access_tokens: {lifetime: `+written+`}   #! access_tokens.lifetime: lifetime is not a duration; write whole seconds, …
`)
	}
	denyByForm(t, "an_empty_text_is_refused", prelude+`
access_tokens: {lifetime: ""}            #! access_tokens.lifetime: lifetime is not a duration; …
`)
	denyByMeaning(t, "zero_is_refused", prelude+`
access_tokens: {lifetime: 0s}            #! access_tokens.lifetime: lifetime is "0s"; it can be 1s at least and 8760h at most
`)
	denyByMeaning(t, "more_than_a_year_is_refused", prelude+`
access_tokens: {lifetime: 8760h1s}       #! access_tokens.lifetime: lifetime is "8760h1s"; it can be …
`)
	denyByMeaning(t, "more_than_a_number_can_hold_is_refused", prelude+`
access_tokens: {lifetime: 99999999999999999999h}    #! access_tokens.lifetime: lifetime is "99999999999999999999h"; it can be …
`)
}

func TestResource(t *testing.T) {
	const rest = `
issuer: https://auth.example.com
signing_keys: {directory: ./keys}
resources:
`
	allow(t, "a_url", rest+`  - {id: "https://api.example.com:8443/v1?tenant=acme", scopes: [read]}`)
	allow(t, "a_urn", rest+`  - {id: "urn:example:api", scopes: [read]}`)
	allow(t, "every_character_of_a_scope", rest+`  - {id: "urn:example:api", scopes: ["!#$%&'()*+,-./09:;<=>?@AZ[]^_`+"`"+`az{|}~"]}`)
	allow(t, "a_shared_secret", rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens: {algorithm: HS384, shared_secret: projects/acme/secrets/hmac}
`)

	denyByForm(t, "no_resources_are_refused", `
issuer: https://auth.example.com         #! resources: resources is missing
signing_keys: {directory: ./keys}
`)
	denyByForm(t, "an_empty_list_is_refused", `
issuer: https://auth.example.com
signing_keys: {directory: ./keys}
resources: []                            #! resources: resources is empty; list at least one
`)
	denyByForm(t, "text_as_a_resource_is_refused", rest+`
  - https://api.example.com              #! resources[0]: resources[0] is text; write a mapping of fields
`)
	denyByForm(t, "no_id_is_refused", rest+`
  - scopes: [read]                       #! resources[0].id: id is missing
`)
	denyByForm(t, "no_scopes_are_refused", rest+`
  - id: https://api.example.com          #! resources[0].scopes: scopes is missing
`)
	denyByForm(t, "an_empty_list_of_scopes_is_refused", rest+`
  - id: https://api.example.com
    scopes: []                           #! resources[0].scopes: scopes is empty; list at least one
`)
	denyByForm(t, "a_relative_uri_is_refused", rest+`
  - id: /api                             #! resources[0].id: id has no scheme; …
    scopes: [read]
`)
	denyByForm(t, "a_scheme_alone_is_refused", rest+`
  - id: "https:"                         #! resources[0].id: id has nothing after its scheme; …
    scopes: [read]
`)
	denyByForm(t, "a_fragment_is_refused", rest+`
  - id: https://api.example.com#v1       #! resources[0].id: id has a fragment; …
    scopes: [read]
`)
	denyByForm(t, "an_empty_fragment_is_refused", rest+`
  - id: "https://api.example.com#"       #! resources[0].id: id has a fragment; …
    scopes: [read]
`)
	denyByMeaning(t, "no_host_is_refused", rest+`
  - id: https:///api                     #! resources[0].id: id has no host; …
    scopes: [read]
`)
	denyByMeaning(t, "a_template_is_refused", rest+`
  - id: "https://{tenant}.example.com"   #! resources[0].id: id has the character '{', which no URI has; …
    scopes: [read]
`)
	denyByMeaning(t, "an_id_given_twice_is_refused", rest+`
  - {id: https://api.example.com, scopes: [read]}
  - {id: https://api.example.com, scopes: [read]}   #! resources[1].id: id is "https://api.example.com", which resources[0].id on line 6 is already; …
`)
	denyByForm(t, "a_scope_listed_twice_is_refused", rest+`
  - id: https://api.example.com
    scopes: [read, write, read]          #! resources[0].scopes[2]: scopes[2] is "read" again; list it once
`)
	for name, scope := range map[string]string{
		"a_space":               `"read write"`,
		"a_quotation_mark":      `'a"b'`,
		"a_backslash":           `'a\b'`,
		"a_line_break":          `"read\n"`,
		"a_letter_beyond_ascii": `"lésen"`,
		"a_nul_character":       `"a\0"`,
	} {
		denyByForm(t, "a_scope_with_"+name+"_is_refused", rest+`
  - id: https://api.example.com
    scopes: [`+scope+`]                  #! resources[0].scopes[0]: scopes[0] is …
`)
	}
	for _, algorithm := range []string{"HS256", "HS384", "HS512"} {
		denyByForm(t, algorithm+"_without_a_shared_secret_is_refused", rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens: {algorithm: `+algorithm+`}    #! resources[0].access_tokens.shared_secret: shared_secret is missing: `+algorithm+` has no other key
`)
	}
	denyByForm(t, "a_shared_secret_without_an_algorithm_is_refused", rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens: {shared_secret: projects/acme/secrets/hmac}   #! resources[0].access_tokens: access_tokens has none of algorithm, format; give exactly one
`)
	denyByForm(t, "an_asymmetric_algorithm_for_a_shared_secret_is_refused", rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens:
      shared_secret: projects/acme/secrets/hmac    #! resources[0].access_tokens.shared_secret: shared_secret does not belong here: it goes with HS256, HS384, HS512
      algorithm: ES256
`)
	for _, algorithm := range []string{"none", "hs256", "rs256", "ES256K", "A256GCM"} {
		denyByForm(t, "an_algorithm_that_does_not_exist_is_refused/"+algorithm, rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens: {algorithm: `+algorithm+`}      #! resources[0].access_tokens.algorithm: algorithm is "`+algorithm+`"; use one of ES256, …
`)
	}
	denyByForm(t, "a_shared_secret_with_an_algorithm_that_does_not_exist_is_refused_once", rest+`
  - id: https://api.example.com
    scopes: [read]
    access_tokens:
      shared_secret: projects/acme/secrets/hmac
      algorithm: HS1                     #! resources[0].access_tokens.algorithm: algorithm is "HS1"; use one of ES256, …
`)
}
