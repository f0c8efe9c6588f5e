package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestInterop lets other people's clients get tokens from the running system. That needs their libraries, from the
// registries of four languages, and so plain go test leaves it out and says so.
func TestInterop(t *testing.T) {
	if os.Getenv("COUNTERSIGN_INTEROP") == "" {
		t.Skip("other people's OAuth clients are not tried here: make interop tries them, " +
			"and COUNTERSIGN_INTEROP=all go test ./localrun -run Interop -v does, leaving none out")
	}
	runner := filepath.Join(t.TempDir(), "runner.exe")
	if printed, err := exec.CommandContext(t.Context(), "go", "build", "-o", runner, "../testdata/interop/runner").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	command := exec.CommandContext(t.Context(), runner)
	command.Dir = ".."
	command.Stdout, command.Stderr = t.Output(), t.Output()
	// It has a server to stop.
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 20 * time.Second
	if err := command.Run(); err != nil {
		t.Error(err)
	}
}
