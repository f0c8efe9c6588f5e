package localsecrets

import (
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What can be wrong with a directory, for those who want to say more about it than the error does.
var (
	ErrDamaged = errors.New("the file of the secrets is damaged")
	ErrInUse   = errors.New("it is in use by another local Secret Manager")
)

// store holds the secrets, in memory and, where it has a directory, on disk.
type store struct {
	mu      sync.RWMutex
	secrets secrets
	folder  *folder // nil: in memory only
	closed  bool
}

func openStore(directory string) (*store, error) {
	if directory == "" {
		return &store{secrets: make(secrets)}, nil
	}
	folder, err := openFolder(directory)
	if err != nil {
		return nil, fmt.Errorf("the directory %s: %w", directory, err)
	}
	loaded, err := folder.load()
	if err != nil {
		return nil, errors.Join(err, folder.close())
	}
	return &store{secrets: loaded, folder: folder}, nil
}

// read gives the present secrets, which the reader must not change.
func (s *store) read() secrets {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.secrets
}

// change lets the function change the secrets, and keeps the result if it reports no error and the file could be written.
// Otherwise everything stays as it was: what was answered and what a restart finds are always the same.
func (s *store) change(edit func(secrets) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		// The directory may belong to another process by now.
		return status.Error(codes.Unavailable, "The local Secret Manager is closed.")
	}
	next := s.secrets.clone()
	if err := edit(next); err != nil {
		return err
	}
	if s.folder != nil {
		if err := s.folder.save(next); err != nil {
			return status.Errorf(codes.Internal, "The secrets cannot be written: %v", err)
		}
	}
	s.secrets = next
	return nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.folder == nil {
		s.closed = true
		return nil
	}
	s.closed = true
	return s.folder.close()
}
