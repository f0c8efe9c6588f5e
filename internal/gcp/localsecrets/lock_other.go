//go:build !darwin && !dragonfly && !freebsd && !linux && !netbsd && !openbsd && !windows

package localsecrets

import (
	"errors"
	"os"
)

// lockExclusively refuses, because two servers that write one file lose each other's keys.
func lockExclusively(string) (*os.File, error) {
	return nil, errors.New("this system has no file locks that are known here; keep the secrets in memory instead")
}
