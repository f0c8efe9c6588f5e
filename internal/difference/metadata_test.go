package difference_test

import (
	"testing"

	"example.com/countersign/internal/difference"
)

func TestWhatTheMetadataSayBesidesIsToldAndWidensNothing(t *testing.T) {
	with := base + "metadata: {mcp_clients: true}\n"
	for name, changes := range map[string][]difference.Change{
		"on": compare(t, base, with), "off": compare(t, with, base),
		"off, written": compare(t, with, base+"metadata: {mcp_clients: false}\n"),
	} {
		if len(changes) != 1 || !has(changes, "", "metadata.mcp_clients", false) || difference.Widens(changes) {
			t.Errorf("%s: got\n%s", name, list(changes))
		}
	}
	if changes := compare(t, base, base+"metadata: {mcp_clients: false}\n"); len(changes) > 0 {
		t.Errorf("the default, written: got\n%s", list(changes))
	}
}
