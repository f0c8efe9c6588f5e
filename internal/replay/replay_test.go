package replay_test

import (
	"errors"
	"fmt"
	"testing"

	"example.com/countersign/internal/replay"
)

func TestReplayed_is_ErrReplayed_and_says_no_more(t *testing.T) {
	err := fmt.Errorf("using: %w", replay.Replayed{Purpose: replay.ForClient})
	replayed, says := errors.AsType[replay.Replayed](err)
	if !errors.Is(err, replay.ErrReplayed) || !says || replayed.Purpose != replay.ForClient {
		t.Errorf("%v", err)
	}
	if errors.Is(replay.ErrFull, replay.ErrReplayed) {
		t.Error("a full memory is taken for a replay")
	}
}
