package config_test

import "testing"

func TestMetadata(t *testing.T) {
	allow(t, "for_mcp_clients", prelude+`metadata: {mcp_clients: true}`)
	allow(t, "not_for_them", prelude+`metadata: {mcp_clients: false}`)
	allow(t, "with_the_profile_fapi2", "profile: fapi2\n"+prelude+`metadata: {mcp_clients: true}`)

	denyByForm(t, "an_empty_section_is_refused", prelude+`
metadata: {}                             #! metadata: metadata is empty; give it a field
`)
	denyByForm(t, "true_alone_is_refused", prelude+`
metadata: true                           #! metadata: metadata is a boolean; write a mapping of fields
`)
	denyByForm(t, "text_is_refused", prelude+`
metadata: {mcp_clients: "true"}          #! metadata.mcp_clients: mcp_clients is text; write true or false
`)
	denyByForm(t, "yes_is_refused", prelude+`
metadata: {mcp_clients: yes}             #! metadata.mcp_clients: mcp_clients is text; write true or false
`)
	denyByForm(t, "required_is_refused", prelude+`
metadata: {mcp_clients: required}        #! metadata.mcp_clients: mcp_clients is text; write true or false
`)
	denyByForm(t, "a_list_is_refused", prelude+`
metadata: {mcp_clients: [true]}          #! metadata.mcp_clients: mcp_clients is a list; write true or false
`)
	denyByForm(t, "an_endpoint_of_ones_own_is_refused", prelude+`
metadata: {mcp_clients: true, authorization_endpoint: "https://a.example.com"} #! metadata.authorization_endpoint: …
`)
}
