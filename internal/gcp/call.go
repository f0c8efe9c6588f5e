package gcp

import (
	"context"
	"errors"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a caller can decide by. Any other error means that the service cannot be used now, whatever the reason (an outage,
// a missing permission, a damaged answer); the context's own errors can be found in it as well.
var (
	ErrNotFound      = errors.New("the secret, key or database does not exist")
	ErrAlreadyExists = errors.New("the secret or key exists already")
)

// callError is a failed call about one secret, key or database. It holds the gRPC status for status.Code, and never a
// payload.
type callError struct {
	doing string // "listing the versions of"
	name  string // of the secret, key or database
	cause error
}

func (e *callError) Error() string { return e.doing + " " + e.name + ": " + e.cause.Error() }

// Unwrap adds to the cause what its status code means, because neither [ErrNotFound] nor the context's errors are found in a
// gRPC status.
func (e *callError) Unwrap() []error {
	switch status.Code(e.cause) {
	case codes.NotFound:
		return []error{e.cause, ErrNotFound}
	case codes.AlreadyExists:
		return []error{e.cause, ErrAlreadyExists}
	case codes.DeadlineExceeded:
		return []error{e.cause, context.DeadlineExceeded}
	case codes.Canceled:
		return []error{e.cause, context.Canceled}
	default:
		return []error{e.cause}
	}
}

// patiently calls up to four times while the answer is UNAVAILABLE, with short pauses. That answer is what a call gets whose
// connection broke under it, which after an idle time on a serverless machine is the rule rather than the exception.
// Only for calls that change nothing, or the same thing when they are repeated: a change that was answered so may have
// happened.
func patiently[T any](ctx context.Context, call func() (T, error)) (T, error) {
	pauses := gax.Backoff{Initial: 100 * time.Millisecond, Max: time.Second, Multiplier: 2}
	for attempt := 1; ; attempt++ {
		result, err := call()
		if status.Code(err) != codes.Unavailable || attempt == 4 {
			return result, err
		}
		if gax.Sleep(ctx, pauses.Pause()) != nil {
			return result, err
		}
	}
}

// withoutRetry takes away the library's own repetition, with pauses of up to a minute: when the context ends in such a pause
// it forgets what it was waiting for. Without it, patiently decides.
func withoutRetry() gax.CallOption { return gax.WithRetry(nil) }
