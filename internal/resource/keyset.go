package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"example.com/countersign/internal/cachecontrol"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/refresh"
)

// How the JWK Set is followed: it is kept for as long as its cache headers say, within least and most, and for unsaid
// where they do not say. Refetch is how often an unknown kid, which a stranger can make up, may cause a fetch.
const (
	least      = time.Second
	most       = time.Hour
	unsaid     = time.Minute
	staleFor   = 24 * time.Hour
	patience   = time.Second
	fetchLimit = 5 * time.Second
	retryAfter = time.Second
	refetch    = 5 * time.Second

	maxBody = 256 << 10 // bytes
)

// keySet is a JWK Set at a URL, fetched when it is first needed, kept, and fetched again for a kid that it lacks.
type keySet struct {
	uri    string
	client *http.Client
	now    func() time.Time
	value  *refresh.Value[fetched]
}

// fetched is a JWK Set, and how long it may be kept.
type fetched struct {
	keys jose.KeySet
	keep time.Duration
}

func newKeySet(uri string, client *http.Client, now func() time.Time) (*keySet, error) {
	set := &keySet{uri: uri, client: client, now: now}
	var err error
	set.value, err = refresh.New(refresh.Config[fetched]{
		Load: set.fetch, Now: now,
		Fresh: least, FreshFor: func(f fetched) time.Duration { return min(f.keep, most) }, Stale: staleFor, Patience: patience, Timeout: fetchLimit, Retry: retryAfter,
	})
	return set, err
}

func (s *keySet) find(ctx context.Context, token *jose.Token) (jose.VerificationKey, error) {
	set, err := s.value.Get(ctx)
	if err != nil {
		return jose.VerificationKey{}, fmt.Errorf("fetching the JWK Set: %s", err.Error())
	}
	key, err := set.keys.Find(token)
	if errors.Is(err, jose.ErrNoKey) {
		// Perhaps the key is newer than what we have.
		if set, err = s.value.Reload(ctx, refetch); err != nil {
			return jose.VerificationKey{}, fmt.Errorf("fetching the JWK Set: %s", err.Error())
		}
		key, err = set.keys.Find(token)
	}
	if err != nil {
		return jose.VerificationKey{}, invalid(err)
	}
	return key, nil
}

func (s *keySet) fetch(ctx context.Context) (fetched, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.uri, nil)
	if err != nil {
		return fetched{}, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fetched{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fetched{}, fmt.Errorf("the answer has status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return fetched{}, err
	}
	if len(body) > maxBody {
		return fetched{}, errors.New("the answer is larger than 256 KiB")
	}
	keys, _, err := jose.ParseKeySet(body, "")
	return fetched{keys, cachecontrol.Lifetime(response.Header, s.now(), unsaid)}, err
}
