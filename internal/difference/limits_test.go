package difference_test

import (
	"testing"

	"example.com/countersign/internal/difference"
)

func TestHowOftenSomebodyMayFailIsToldAndWidensNothing(t *testing.T) {
	with := base + "limits: {client_failures: 10, source_failures: 20, forwarded_for: 1}\n"
	for name, changes := range map[string][]difference.Change{"less often": compare(t, base, with), "more often": compare(t, with, base)} {
		for _, what := range []string{"limits.client_failures", "limits.source_failures", "limits.forwarded_for"} {
			if len(changes) != 3 || !has(changes, "", what, false) || difference.Widens(changes) {
				t.Errorf("%s: got\n%s", name, list(changes))
			}
		}
	}
	if changes := compare(t, base, base+"limits: {client_failures: 60}\n"); len(changes) > 0 {
		t.Errorf("the default, written: got\n%s", list(changes))
	}
}
