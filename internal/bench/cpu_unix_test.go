//go:build unix

package bench

import (
	"syscall"
	"time"
)

// cpuTime is the processor time of this process, which other work on the machine does not lengthen.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
