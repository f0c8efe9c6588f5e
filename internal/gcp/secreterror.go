package gcp

import (
	"context"
	"errors"
	"time"

	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a caller can decide by. Any other error means that Secret Manager cannot be used now, whatever the reason (an
// outage, a missing permission, a damaged answer); the context's own errors can be found in it as well.
var (
	ErrNotFound      = errors.New("the secret does not exist")
	ErrAlreadyExists = errors.New("the secret exists already")
)

// secretError is a failed call about one secret. It holds the gRPC status for status.Code, and never a payload.
type secretError struct {
	doing  string // "listing the versions of"
	secret string
	cause  error
}

func (e *secretError) Error() string { return e.doing + " " + e.secret + ": " + e.cause.Error() }

// Unwrap adds to the cause what its status code means, because neither [ErrNotFound] nor the context's errors are found in a
// gRPC status.
func (e *secretError) Unwrap() []error {
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
// Only for calls that can be repeated: what was answered so may have happened.
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
