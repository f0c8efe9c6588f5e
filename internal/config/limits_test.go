package config_test

import "testing"

func TestLimits(t *testing.T) {
	allow(t, "of_clients", prelude+`limits: {client_failures: 10}`)
	allow(t, "of_addresses", prelude+`limits: {source_failures: 100, forwarded_for: 2}`)
	allow(t, "where_requests_come_from", prelude+`limits: {forwarded_for: 1}`)
	denyByForm(t, "of_addresses_that_nobody_knows", prelude+`
limits: {source_failures: 100}           #! limits.source_failures: source_failures needs forwarded_for, …
`)
	denyByForm(t, "none", prelude+`
limits: {client_failures: 0}             #! limits.client_failures: client_failures is "0"; it can be 1 at least and 1000000 at most
`)
	denyByForm(t, "nobody_in_front", prelude+`
limits: {forwarded_for: 0}               #! limits.forwarded_for: forwarded_for is "0"; it can be 1 at least and 8 at most
`)
	denyByForm(t, "a_header", prelude+`
limits: {forwarded_for: X-Real-IP}       #! limits.forwarded_for: forwarded_for is text; write a whole number
`)
	denyByForm(t, "all_requests", prelude+`
limits: {client_failures: 10, requests: 100} #! limits.requests: …
`)
	denyByForm(t, "nothing", prelude+`
limits: {}                               #! limits: limits is empty; give it a field
`)
}
