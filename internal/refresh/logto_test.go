package refresh_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/refresh"
)

// logged has a value fail after the time that is slept, and returns the line that is written of it.
func logged(t *testing.T, sleep time.Duration, change ...func(*refresh.Config[int])) map[string]any {
	t.Helper()
	var log bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		from := &source{}
		failed := refresh.LogTo(slog.New(slog.NewJSONHandler(&log, nil)).With("source", "projects/p/secrets/s"), "shared_secret")
		value := follow(t, from, append(change, func(c *refresh.Config[int]) { c.Failed = failed })...)
		if sleep > 0 {
			want(t, value, 1)
			time.Sleep(sleep)
		}
		from.fail(errDown)
		_, _ = value.Get(t.Context())
		synctest.Wait()
	})
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, &log)
	}
	delete(line, "time")
	return line
}

func TestLogTo_says_what_serves_meanwhile_how_old_it_is_and_how_long_it_may_go_on(t *testing.T) {
	untilTomorrow := func(c *refresh.Config[int]) {
		c.Initial, c.InitialUntil = new(int), time.Now().Add(24*time.Hour)
	}
	for name, test := range map[string]struct {
		got, want map[string]any
	}{
		"the last good value": {logged(t, fresh), map[string]any{
			"msg": "shared secret could not be loaded; what there was serves on", "serving": "last_good", "age": 60.0, "left": 3540.0,
		}},
		"nothing yet": {logged(t, 0), map[string]any{
			"msg": "shared secret could not be loaded, and nothing serves in its place", "serving": "nothing",
		}},
		"nothing any more": {logged(t, stale), map[string]any{
			"msg": "shared secret could not be loaded, and nothing serves in its place", "serving": "nothing",
		}},
		"what there was to begin with": {logged(t, 0, untilTomorrow), map[string]any{
			"msg": "shared secret could not be loaded; what there was serves on", "serving": "last_good", "left": 86400.0,
		}},
	} {
		test.want["level"], test.want["event"], test.want["what"] = "ERROR", "load_failed", "shared_secret"
		test.want["source"], test.want["error"] = "projects/p/secrets/s", errDown.Error()
		if diff := cmp.Diff(test.want, test.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
