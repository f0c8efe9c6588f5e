package difference_test

import (
	"testing"

	"example.com/countersign/internal/difference"
)

func TestToAskAboutTheTokensOfAnotherAPIWidens(t *testing.T) {
	asks := replaced(t, strict, "    profile: fapi2 # bank\n", "    profile: fapi2 # bank\n    introspects: [\"urn:api\"]\n")
	if there := compare(t, strict, asks); !has(there, "bank", "introspects", true) || len(there) != 1 {
		t.Errorf("it is told what it was not told:\n%s", list(there))
	}
	if gone := compare(t, asks, strict); !has(gone, "bank", "introspects", false) || difference.Widens(gone) {
		t.Errorf("it is told nothing any more:\n%s", list(gone))
	}
}
