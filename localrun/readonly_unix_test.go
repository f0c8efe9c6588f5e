//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestReadOnlyFolderIsOneSentence(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	chmod(t, p.folder, 0o555)
	command := p.command(t.Context(), t, "-once")
	if os.Geteuid() == 0 {
		// Root may write everywhere, so somebody else has to try. The test's folders must let them in.
		chmod(t, filepath.Dir(p.folder), 0o755)
		const nobody = 65534
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	ended := finish(t, command)
	want := "localrun: the state folder .countersign cannot be made: permission denied; run this where you can write, or name another folder with -state\n"
	if ended.status != 1 || ended.stderr != want || ended.stdout != "" {
		t.Errorf("status %d, standard error %q, output %q", ended.status, ended.stderr, ended.stdout)
	}
}
