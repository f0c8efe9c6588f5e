package localsecrets

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// The files of a directory. The new file exists only while it is written; one that a crash left behind is overwritten.
const (
	stateFile = "secrets.json"
	newFile   = "secrets.json.new"
	lockFile  = "lock"
)

// folder is the directory of one server, locked against every other one.
type folder struct {
	path string
	lock *os.File
}

// document is the content of the state file.
type document struct {
	Format  int       `json:"format"`
	Secrets []*secret `json:"secrets"` // by name, so that the file changes only where the secrets do
}

// documentFormat is what this version of the program reads and writes.
const documentFormat = 1

func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// It is not tightened here: the directory may be one that others are meant to use. Windows has no such modes; there the
	// directory is as private as the one above it.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("it is open to other users (mode %04o); private keys need one of mode 0700", mode)
	}
	lock, err := lockExclusively(filepath.Join(path, lockFile))
	if err != nil {
		return nil, err
	}
	return &folder{path: path, lock: lock}, nil
}

// close gives the lock back. The lock file stays, since removing it would let two later processes lock different files.
func (f *folder) close() error { return f.lock.Close() }

// load reads the state file. Without one there are no secrets yet; any other fault is an error, since an empty store in
// place of a damaged one would make the system above it create new keys, and refuse every token signed with the old ones.
func (f *folder) load() (secrets, error) {
	path := filepath.Join(f.path, stateFile)
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return make(secrets), nil
	}
	if err != nil {
		return nil, err
	}
	loaded, err := decode(content)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w; restore it, or move it away to begin without secrets", ErrDamaged, path, err)
	}
	return loaded, nil
}

// decode never quotes the content, which has private keys in it.
func decode(content []byte) (secrets, error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var read document
	if err := decoder.Decode(&read); err != nil {
		return nil, fmt.Errorf("it is not the JSON that is expected near byte %d", decoder.InputOffset())
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after its end")
	}
	if read.Format != documentFormat {
		return nil, fmt.Errorf("its format is %d, this program knows %d", read.Format, documentFormat)
	}
	decoded := make(secrets, len(read.Secrets))
	for _, s := range read.Secrets {
		if s == nil {
			return nil, errors.New("one of its secrets is null")
		}
		if fault := s.fault(); fault != "" {
			return nil, errors.New(fault)
		}
		if decoded[s.Name] != nil {
			return nil, fmt.Errorf("it has %s twice", s.Name)
		}
		decoded[s.Name] = s
	}
	return decoded, nil
}

// save replaces the state file in one step: a crash at any moment leaves the old one or the new one, whole. The content is
// synchronised first, because a rename can reach the disk before what was written.
func (f *folder) save(all secrets) error {
	written := document{Format: documentFormat, Secrets: make([]*secret, 0, len(all))}
	for _, s := range all {
		written.Secrets = append(written.Secrets, s)
	}
	slices.SortFunc(written.Secrets, func(a, b *secret) int { return cmp.Compare(a.Name, b.Name) })
	content, err := json.MarshalIndent(written, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(f.path, newFile)
	if err := writeSynchronised(path, append(content, '\n')); err != nil {
		return err
	}
	return os.Rename(path, filepath.Join(f.path, stateFile))
}

func writeSynchronised(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}
