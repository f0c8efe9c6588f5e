//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package localsecrets

import (
	"errors"
	"os"
	"syscall"
)

// lockExclusively opens the file and holds it until it is closed, or its process ends in whatever way. The lock belongs to
// the open file and not to the process, so that two servers in one process exclude each other as well.
func lockExclusively(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}
