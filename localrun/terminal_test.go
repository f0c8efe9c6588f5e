package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestColoursAreForTerminalsAlone(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no device that every process may open and that is like a terminal")
	}
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = device.Close() })
	file, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })

	tests := map[string]struct {
		out         *os.File
		environment map[string]string
		want        bool
	}{
		"a terminal":                     {device, map[string]string{"TERM": "xterm-256color"}, true},
		"a terminal and NO_COLOR":        {device, map[string]string{"NO_COLOR": "1"}, false},
		"a terminal and an empty one":    {device, map[string]string{"NO_COLOR": ""}, true},
		"a terminal that can do nothing": {device, map[string]string{"TERM": "dumb"}, false},
		"a file":                         {file, nil, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			made := newTerminal(test.out, func(name string) string { return test.environment[name] })
			if made.colour != test.want {
				t.Errorf("colours are %t", made.colour)
			}
			if coloured := strings.Contains(made.styled(red, "text"), "\x1b"); coloured != test.want {
				t.Errorf("the text is coloured: %t", coloured)
			}
		})
	}
}

func TestInvocationIsWhatTheUserTypes(t *testing.T) {
	t.Parallel()
	cached := "/home/me/.cache/go-build/ab/" + strings.Repeat("0123456789abcdef", 4) + "-d/localrun"
	own := "/home/me/cache/ab/" + strings.Repeat("0123456789abcdef", 4) + "-d/localrun"
	for name, want := range map[string]string{
		"./localrun":                          "./localrun",
		"localrun":                            "localrun",
		"/opt/my tools/localrun":              "'/opt/my tools/localrun'",
		"/opt/tools-d/localrun":               "/opt/tools-d/localrun",
		"/tmp/go-build1234/b001/exe/main":     "go run example.com/countersign/localrun",
		cached:                                "go run example.com/countersign/localrun",
		own:                                   "go run example.com/countersign/localrun",
		"/home/me/.cache/go-builder/localrun": "/home/me/.cache/go-builder/localrun",
	} {
		if got := invocation(name); got != want {
			t.Errorf("%s is called by %s, want %s", name, got, want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]string{
		0:                       "",
		40 * time.Microsecond:   " 0.0 ms",
		1234 * time.Microsecond: " 1.2 ms",
		99_960_000:              " 100 ms",
		2 * time.Second:         "2000 ms",
	} {
		if diff := cmp.Diff(want, milliseconds(took)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", took, diff)
		}
	}
}

func TestDiagram(t *testing.T) {
	t.Parallel()
	var drawn strings.Builder
	d := diagram{terminal{out: &drawn}}
	d.names([3]string{"a caller", "Countersign", "an API"})
	d.does(caller, "signs", time.Millisecond)
	d.states(caller, "jti", 5, strings.Repeat("x", 40))
	d.sends(caller, issuer, "asks", normal, 0)
	d.sends(issuer, caller, "grants", green, 12*time.Millisecond)
	d.sends(caller, api, "calls", normal, 0)
	d.sends(api, issuer, "fetches", normal, time.Millisecond)
	d.does(api, "verifies", 0)
	d.sends(api, caller, strings.Repeat("answers", 9), green, 0)
	want := `        a caller                           Countersign                   an API
 1.0 ms │ signs                            │                                  │
        │  jti   xxxxxxxxxxxxxxxxxxxxxxxxx…│                                  │
        │── asks ─────────────────────────▶│                                  │
12.0 ms │◀─────────────────────── grants ──│                                  │
        │── calls ─────────────────────────┼─────────────────────────────────▶│
 1.0 ms │                                  │◀────────────────────── fetches ──│
        │                                  │                         verifies │
        │◀─────────────────────────────────┼── answersanswersanswersanswers… ─│
`
	if diff := cmp.Diff(want, drawn.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestStrangersDoNotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	line := entry{Decision: "denied", Claimed: "evil\x1b[2J\r\nname\u202e", Code: "invalid_client"}.String()
	if strings.ContainsAny(line, "\x1b\r\n\u202e") {
		t.Errorf("%q", line)
	}
}

func TestLogLineOfATokenThatComesBack(t *testing.T) {
	t.Parallel()
	for want, logged := range map[string]string{
		"asked    deploy-api about a token of portal: active":  `"introspection","token_client_id":"portal","active":true`,
		"asked    deploy-api about a token: not active; stale": `"introspection","active":false,"why_not":"stale"`,
		"revoked  a token of deploy-api":                       `"revocation","token_client_id":"deploy-api","revoked":true`,
		"revoked  nothing, for deploy-api; it is not its own":  `"revocation","token_client_id":"portal","revoked":false,"why_not":"it is not its own"`,
	} {
		var read entry
		err := json.Unmarshal([]byte(`{"decision":"granted","client_id":"deploy-api","event":`+logged+`}`), &read)
		if line := read.String(); err != nil || !strings.HasSuffix(line, "  "+want) {
			t.Errorf("%s is shown as %q, want %q; %v", logged, line, want, err)
		}
	}
}
