package difference_test

import (
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/difference"
)

// An issuer with the profile and one without take different assertions, and no issuer takes both.
func TestTheProfileOfAnIssuerWidensWhicheverWayItChanges(t *testing.T) {
	const without = `issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: "urn:api", scopes: [read]}]
issuers:
  - issuer: https://idp.example.com
    keys: {file: one.json}
    allow: [{resource: "urn:api", scopes: [read]}]
`
	with := strings.Replace(without, "    keys:", "    profile: id-jag\n    keys:", 1)
	for _, pair := range [][2]string{{without, with}, {with, without}} {
		changes := compare(t, pair[0], pair[1])
		if !slices.ContainsFunc(changes, func(c difference.Change) bool { return c.What == "profile" && c.Widens }) {
			t.Errorf("got %v", changes)
		}
	}
	if changes := compare(t, with, with); len(changes) > 0 {
		t.Errorf("got %v", changes)
	}
}
