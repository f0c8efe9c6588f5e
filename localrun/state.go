package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// state is the folder of one local system: its keys, its secrets and its configuration.
type state struct{ folder string }

// The files of a state folder that belong to nobody in particular. Those of a party are named after it (see bootstrap.go).
const (
	markerFile    = ".gitignore"
	configFile    = "config.yaml"
	tlsConfigFile = "tls.yaml"
	logFile       = "log.jsonl"
	secretsFolder = "secret-manager"
	addressFile   = "secret-manager.address" // of the embedded Secret Manager, while it runs

	stateFolder = ".countersign" // unless another one is named
)

// marker tells our folder from everybody else's, so that nothing is written into or deleted from a folder that was
// named by mistake. As a .gitignore it also keeps the private keys out of the repository around it.
const marker = "# The state of a local Countersign: keys, secrets and configuration. Nothing of it belongs into a repository.\n*\n"

// openState makes the folder, or opens the one that an earlier run has made.
func openState(folder string) (state, error) {
	s := state{folder}
	entries, err := os.ReadDir(folder)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(entries) == 0:
		return s, s.begin()
	case err != nil:
		return state{}, fmt.Errorf("the state folder %s cannot be used: %w", folder, plain(err))
	case !s.isOurs():
		return state{}, fmt.Errorf("%s is not empty and was not made by localrun; name another folder with -state", folder)
	}
	return s, s.checkMode()
}

func (s state) begin() error {
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return fmt.Errorf("the state folder %s cannot be made: %w; run this where you can write, or name another folder with -state", s.folder, plain(err))
	}
	if err := s.checkMode(); err != nil {
		return err
	}
	_, err := s.keep(markerFile, 0o644, func() ([]byte, error) { return []byte(marker), nil })
	return err
}

// checkMode refuses a folder that others can enter. It does not tighten it: somebody may have opened it on purpose, and
// has to know that private keys lie in it.
func (s state) checkMode() error {
	info, err := os.Stat(s.folder)
	if err != nil {
		return fmt.Errorf("the state folder %s cannot be used: %w", s.folder, plain(err))
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("the state folder %s is open to other users (mode %04o), and private keys are in it; close it with: chmod 700 %s",
			s.folder, mode, shellWord(s.folder))
	}
	return nil
}

func (s state) isOurs() bool {
	found, err := os.ReadFile(s.path(markerFile))
	return err == nil && string(found) == marker
}

// path returns where a file of the state is.
func (s state) path(name string) string { return filepath.Join(s.folder, name) }

// keep returns the content of a file. Where there is none it makes one, whole or not at all; a file that is there is
// left as it is, because the user may have changed it.
func (s state) keep(name string, mode fs.FileMode, create func() ([]byte, error)) ([]byte, error) {
	content, err := os.ReadFile(s.path(name))
	if err == nil {
		return content, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s cannot be read: %w", s.path(name), plain(err))
	}
	if content, err = create(); err != nil {
		return nil, err
	}
	unfinished := s.path(name + ".new")
	err = os.WriteFile(unfinished, content, mode)
	if err == nil {
		err = os.Rename(unfinished, s.path(name))
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written: %w", s.path(name), plain(err))
	}
	return content, nil
}

// has reports whether the file is there.
func (s state) has(name string) bool {
	_, err := os.Stat(s.path(name))
	return err == nil
}

// reset removes what localrun makes, and nothing else: files that the user has put beside it stay. So does the marker,
// without which the folder would be taken for somebody else's.
func (s state) reset() error {
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the state folder %s cannot be cleared: %w", s.folder, plain(err))
	}
	if !s.isOurs() {
		return fmt.Errorf("%s was not made by localrun, and -reset leaves it alone", s.folder)
	}
	if s.inUse() {
		return &inUseError{s.folder}
	}
	ours := slices.Concat(partyFiles(), certificateFiles(), []string{configFile, tlsConfigFile, logFile, secretsFolder, addressFile})
	for _, name := range ours {
		if err := os.RemoveAll(s.path(name)); err != nil {
			return fmt.Errorf("the state folder %s cannot be cleared: %w", s.folder, plain(err))
		}
	}
	return nil
}

// inUse reports whether another localrun lives in the folder. Any other fault may be what a reset is to mend.
func (s state) inUse() bool {
	server, err := startEmbedded(s)
	if err == nil {
		err = server.Close()
	}
	_, inUse := errors.AsType[*inUseError](err)
	return inUse
}

// plain takes the path and the system call off an error about a file: the sentence around it names the file.
func plain(err error) error {
	if of, isPath := errors.AsType[*fs.PathError](err); isPath {
		return of.Err
	}
	if of, isLink := errors.AsType[*os.LinkError](err); isLink {
		return of.Err
	}
	return err
}
