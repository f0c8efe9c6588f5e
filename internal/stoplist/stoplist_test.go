package stoplist_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/stoplist"
)

func TestAnEntryStopsWhatHasAllThatItNames(t *testing.T) {
	list := stoplist.New([]stoplist.Entry{
		{Place: "nobody"},
		{Place: "issuer", Issuer: "ci"},
		{Place: "client", Client: "billing"},
		{Place: "key", KeyID: "one"},
		{Place: "key of a client", Client: "reporting", KeyID: "1"},
		{Place: "subject", Subject: "mallory"},
		{Place: "subject of an issuer", Issuer: "idp", Subject: "alice"},
		{Place: "jti", ID: "A"},
		{Place: "jti of an issuer", Issuer: "idp", ID: "B"},
		{Place: "past tokens", Subject: "bob", IssuedBefore: time.Unix(1000, 0)},
	})
	for name, test := range map[string]struct {
		facts stoplist.Facts
		place string // empty: it is not stopped
	}{
		"nothing is known":                        {},
		"a part of a name":                        {facts: stoplist.Facts{Issuer: "c", Client: "bill", Subject: "mallor", ID: "a"}},
		"a name of something else":                {facts: stoplist.Facts{Issuer: "billing", Client: "ci", Subject: "A", ID: "mallory", KeyIDs: []string{"billing"}}},
		"the issuer":                              {facts: stoplist.Facts{Issuer: "ci", Client: "x", Subject: "y"}, place: "issuer"},
		"the client":                              {facts: stoplist.Facts{Client: "billing", Issuer: "idp", Subject: "bob"}, place: "client"},
		"the key by its other name":               {facts: stoplist.Facts{Client: "x", KeyIDs: []string{"thumbprint", "one"}}, place: "key"},
		"the key of the client":                   {facts: stoplist.Facts{Client: "reporting", KeyIDs: []string{"1"}}, place: "key of a client"},
		"a key of another with this name":         {facts: stoplist.Facts{Client: "x", KeyIDs: []string{"1"}}},
		"another key of the client":               {facts: stoplist.Facts{Client: "reporting", KeyIDs: []string{"2"}}},
		"the subject, whoever vouches for it":     {facts: stoplist.Facts{Issuer: "idp", Subject: "mallory"}, place: "subject"},
		"the subject of the issuer":               {facts: stoplist.Facts{Issuer: "idp", Subject: "alice", Client: "x"}, place: "subject of an issuer"},
		"the same name with another issuer":       {facts: stoplist.Facts{Issuer: "other", Subject: "alice"}},
		"the issuer before the subject is known":  {facts: stoplist.Facts{Issuer: "idp"}},
		"the jti":                                 {facts: stoplist.Facts{Issuer: "other", ID: "A"}, place: "jti"},
		"a jti of another issuer":                 {facts: stoplist.Facts{Issuer: "other", ID: "B"}},
		"a subject whose past tokens are stopped": {facts: stoplist.Facts{Subject: "bob"}},
	} {
		err := list.Check(test.facts)
		stopped, is := errors.AsType[*stoplist.Stopped](err)
		if is != (test.place != "") || is && stopped.Place != test.place {
			t.Errorf("%s: %v, want %q", name, err, test.place)
		}
	}
	if err := (stoplist.List{}).Check(stoplist.Facts{Client: "billing"}); err != nil {
		t.Errorf("an empty list: %v", err)
	}
	if ids := list.IDs(); !slices.Equal(ids, []string{"A"}) {
		t.Errorf("the jti of our tokens: %q", ids)
	}
}

// place keeps versions of a list, or does not answer.
type place struct {
	versions []keys.Version
	err      error
	asked    int
}

func (p *place) Versions(context.Context) ([]keys.Version, error) {
	p.asked++
	return p.versions, p.err
}

func (p *place) add(text string) {
	id := string(rune('1' + len(p.versions)))
	p.versions = append(p.versions, keys.Version{ID: id, Created: time.Unix(int64(len(p.versions)), 0), State: keys.Enabled, Payload: []byte(text)})
}

// read reads a list of subjects in lines; one with a question mark has a fault.
func read(name string, document []byte) ([]stoplist.Entry, error) {
	if strings.Contains(string(document), "?") {
		return nil, errors.New(name + ": a fault")
	}
	var entries []stoplist.Entry
	for subject := range strings.FieldsSeq(string(document)) {
		entries = append(entries, stoplist.Entry{Place: name, Subject: subject})
	}
	return entries, nil
}

type following struct {
	*stoplist.Following
	*place
	now time.Time
	log *strings.Builder
}

func follow(t *testing.T) *following {
	t.Helper()
	f := &following{place: &place{}, now: time.Unix(1_000_000, 0), log: &strings.Builder{}}
	var err error
	f.Following, err = stoplist.Follow(stoplist.Config{
		Source: f.place, Read: read, Now: func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(f.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// stops expects that the subject is stopped, or not, or that nobody knows.
func (f *following) stops(t *testing.T, when, subject, want string) {
	t.Helper()
	got := "no"
	list, err := f.List(t.Context())
	if err != nil {
		got = "unknown"
	} else if list.Check(stoplist.Facts{Subject: subject}) != nil {
		got = "yes"
	}
	if got != want {
		t.Errorf("%s: %s is stopped: %s, want %s (%v)", when, subject, got, want, err)
	}
}

func TestAListIsFollowed(t *testing.T) {
	f := follow(t)
	f.stops(t, "with no version", "alice", "unknown")
	f.add("mallory")
	f.now = f.now.Add(2 * time.Second)
	f.stops(t, "the first", "mallory", "yes")
	f.add("mallory alice")
	f.now = f.now.Add(stoplist.Bound)
	f.stops(t, "the bound later", "alice", "yes")
	f.add("bob ?")
	f.now = f.now.Add(stoplist.Bound)
	f.stops(t, "a broken one", "alice", "yes")
	f.stops(t, "a broken one", "bob", "no")
	if log := f.log.String(); strings.Count(log, "has faults and is passed over") != 1 || !strings.Contains(log, "version=3") {
		t.Errorf("nobody is told: %s", log)
	}
	f.add("bob")
	f.now = f.now.Add(stoplist.Bound)
	f.stops(t, "the next good one", "bob", "yes")
	f.stops(t, "the next good one", "alice", "no")
	for n := range f.versions {
		f.versions[n].State = keys.Disabled
	}
	f.now = f.now.Add(stoplist.Bound)
	f.stops(t, "all disabled: nobody means that", "bob", "yes")
	if !strings.Contains(f.log.String(), "serving=last_good") {
		t.Errorf("nobody is told: %s", f.log)
	}
}

func TestAnOutageLeavesTheLastGoodListForADay(t *testing.T) {
	f := follow(t)
	f.add("mallory")
	f.stops(t, "before", "mallory", "yes")
	f.err = errors.New("TEST down")
	for _, after := range []time.Duration{stoplist.Bound, time.Hour, 22 * time.Hour} {
		f.now = f.now.Add(after)
		f.stops(t, "during", "mallory", "yes")
		f.stops(t, "during", "alice", "no")
	}
	f.now = f.now.Add(time.Hour)
	f.stops(t, "after a day", "mallory", "unknown")
	f.stops(t, "after a day", "alice", "unknown")
	f.err = nil
	f.now = f.now.Add(3 * time.Second)
	f.stops(t, "again", "alice", "no")
}

func TestWithoutAListNobodyIsStopped(t *testing.T) {
	var none *stoplist.Following
	none.Start()
	list, err := none.List(t.Context())
	if err != nil || list.Check(stoplist.Facts{Subject: "x"}) != nil {
		t.Errorf("%v", err)
	}
	if is, err := none.Stopped(t.Context(), issued.Token{}); is || err != nil {
		t.Errorf("%t, %v", is, err)
	}
}

func TestFollowNeedsAllOfIt(t *testing.T) {
	if _, err := stoplist.Follow(stoplist.Config{}); err == nil {
		t.Error("it followed nothing")
	}
}

// returned is an access token of ours that has come back, issued at 1000 s.
func returned(t *testing.T, more string, stop issued.Stop) error {
	t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	text, err := key.Sign("at+jwt", []byte(`{"iss":"us","aud":"api","jti":"ABC","iat":1000,"exp":2000,"scope":"read",`+more+`}`))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := issued.New(issued.Config{
		Issuer:  "us",
		Keys:    func(context.Context) (jose.KeySet, error) { return jose.KeySet{key.Verification()}, nil },
		Now:     func() time.Time { return time.Unix(1500, 0) },
		Stopped: []issued.Stop{stop},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = verifier.Verify(t.Context(), text)
	return err
}

func TestTokensThatComeBack(t *testing.T) {
	const alice = `"sub":"alice","client_id":"portal"`
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	for name, test := range map[string]struct {
		claims string
		entry  stoplist.Entry
		stops  bool
	}{
		"of a subject":                            {alice, stoplist.Entry{Subject: "alice"}, true},
		"of another subject":                      {alice, stoplist.Entry{Subject: "bob"}, false},
		"of a client":                             {alice, stoplist.Entry{Client: "portal"}, true},
		"of a client, about a subject":            {alice, stoplist.Entry{Client: "portal", Subject: "alice"}, true},
		"of another client, about the subject":    {alice, stoplist.Entry{Client: "other", Subject: "alice"}, false},
		"about a client":                          {`"sub":"batch","client_id":"gateway"`, stoplist.Entry{Client: "batch"}, true},
		"this one":                                {alice, stoplist.Entry{ID: "ABC"}, true},
		"another one":                             {alice, stoplist.Entry{ID: "ABD"}, false},
		"an assertion with the same jti":          {alice, stoplist.Entry{Issuer: "idp", ID: "ABC"}, false},
		"an issuer, of which it says nothing":     {alice, stoplist.Entry{Issuer: "us"}, false},
		"issued before":                           {alice, stoplist.Entry{Subject: "alice", IssuedBefore: at(1001)}, true},
		"issued at that moment":                   {alice, stoplist.Entry{Subject: "alice", IssuedBefore: at(1000)}, false},
		"issued after":                            {alice, stoplist.Entry{Client: "portal", IssuedBefore: at(999)}, false},
		"somebody acts who is stopped":            {alice + `,"act":{"sub":"agent-7"}`, stoplist.Entry{Subject: "agent-7"}, true},
		"a client acts that is stopped":           {alice + `,"act":{"sub":"a","client_id":"agents"}`, stoplist.Entry{Client: "agents"}, true},
		"a client acts by its name":               {alice + `,"act":{"sub":"agents"}`, stoplist.Entry{Client: "agents"}, true},
		"somebody has acted who is stopped":       {alice + `,"act":{"sub":"a","act":{"sub":"b","act":{"sub":"agent-7"}}}`, stoplist.Entry{Subject: "agent-7"}, true},
		"others act":                              {alice + `,"act":{"sub":"a","act":{"sub":"b"}}`, stoplist.Entry{Subject: "agent-7"}, false},
		"somebody acts whose past tokens are bad": {alice + `,"act":{"sub":"agent-7"}`, stoplist.Entry{Subject: "agent-7", IssuedBefore: at(1001)}, true},
	} {
		stop, err := stoplist.Follow(stoplist.Config{
			Source: &place{versions: []keys.Version{{ID: "1", State: keys.Enabled}}},
			Read:   func(string, []byte) ([]stoplist.Entry, error) { return []stoplist.Entry{test.entry}, nil },
			Now:    time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		err = returned(t, test.claims, stop.Stopped)
		if stopped := errors.Is(err, issued.ErrInactive); stopped != test.stops || !stopped && err != nil {
			t.Errorf("%s: %v, want that it is stopped: %t", name, err, test.stops)
		}
	}
}

func TestATokenIsNotCalledActiveWhereTheListIsNotThere(t *testing.T) {
	f := follow(t)
	f.err = errors.New("TEST down")
	if err := returned(t, `"sub":"a","client_id":"b"`, f.Stopped); err == nil || errors.Is(err, issued.ErrInactive) {
		t.Errorf("got %v, want that it could not be decided", err)
	}
}
