package service

import (
	"context"
	"errors"
	"time"

	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/newest"
	"example.com/countersign/internal/refresh"
)

// secretValues are the payloads of the enabled versions of one secret, the newest first: of those that everybody who
// knows the secret makes something with, so that it can be changed while the service runs.
type secretValues struct{ value *refresh.Value[[][]byte] }

var errNoVersion = errors.New("the secret has no enabled version")

// Get returns the payloads, of which there is at least one.
func (s secretValues) Get(ctx context.Context) ([][]byte, error) {
	values, err := s.value.Get(ctx)
	if err == nil && len(values) == 0 {
		err = errNoVersion
	}
	return values, err
}

// Texts returns the same of a secret that holds text.
func (s secretValues) Texts(ctx context.Context) ([]string, error) {
	values, err := s.Get(ctx)
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return texts, err
}

// secretValues returns the values of a secret that nobody has read yet.
func (b *builder) secretValues(name string) (secretValues, error) {
	return keep(b, partKey{kind: "secret values", place: name}, func() (secretValues, error) {
		value, err := refresh.New(refresh.Config[[][]byte]{
			Load:  payloads(b.Secrets(name)),
			Fresh: time.Minute, Stale: 24 * time.Hour, Patience: time.Second, Timeout: 5 * time.Second, Retry: 2 * time.Second,
			Now: b.Now, Failed: refresh.LogTo(b.Log.With("source", name), "secret"),
		})
		return secretValues{value}, err
	})
}

// payloads returns a load of the enabled versions of a secret. None is an answer: whoever disables all means it.
func payloads(source keys.Source) func(context.Context) ([][]byte, error) {
	return func(ctx context.Context) ([][]byte, error) {
		versions, err := source.Versions(ctx)
		if err != nil {
			return nil, err
		}
		enabled := newest.Enabled(versions)
		values := make([][]byte, len(enabled))
		for i, version := range enabled {
			values[i] = version.Payload
		}
		return values, nil
	}
}
