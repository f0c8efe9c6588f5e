package statuslist

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Signer is a key that signs.
type Signer interface {
	// ID returns the kid of the key.
	ID() string
	// Sign returns the compact JWS of claims with this typ.
	Sign(typ string, claims []byte) (string, error)
}

// Config is what a list is made of. All fields are required.
type Config struct {
	Issuer string // iss, that of the tokens
	URI    string // where the list is: sub, and the uri of the tokens
	// Keys returns the key that signs now. It is one that every API finds in the JWK Set.
	Keys func(context.Context) (Signer, error)
	// TakenBack returns the jti of tokens that have been taken back. Each may return others, and those of tokens that have
	// expired. An error says that it is not known.
	TakenBack []func(context.Context) ([]string, error)
	Now       func() time.Time
}

// How long a list is good.
const (
	// TTL is how long a copy may be kept before it is looked for anew (§13.7).
	TTL = time.Minute
	// valid is how long a copy may be relied upon at all: long enough for an API to get over an outage of this server, and
	// short, since who holds a list back holds back what has been taken back since.
	valid = time.Hour
	// renewed is how old a list becomes that says nothing new. Whoever asks again by then has a copy that is still good.
	renewed = 10 * time.Minute
)

// Publisher signs the list. It is safe for concurrent use.
type Publisher struct {
	config Config

	mu   sync.Mutex
	last signed
}

// signed is a list as it was served last.
type signed struct {
	ids      []string
	key      string
	at       time.Time
	document Document
}

// Document is the list as it is served.
type Document struct {
	Body []byte
	ETag string // strong, in quotes
}

// New returns a publisher.
func New(config Config) (*Publisher, error) {
	if config.Issuer == "" || config.URI == "" || config.Keys == nil || len(config.TakenBack) == 0 || config.Now == nil {
		return nil, errors.New("statuslist: an issuer, a URI, keys, something that takes tokens back and a clock are required")
	}
	return &Publisher{config: config}, nil
}

// Document returns the list as it is now. The error says that it is not known, or cannot be signed.
func (p *Publisher) Document(ctx context.Context) (Document, error) {
	ids, err := p.takenBack(ctx)
	if err != nil {
		return Document{}, err
	}
	key, err := p.config.Keys(ctx)
	if err != nil {
		return Document{}, fmt.Errorf("getting the key that signs the status list: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Now()
	if age := now.Sub(p.last.at); age >= 0 && age < renewed && p.last.key == key.ID() && slices.Equal(p.last.ids, ids) {
		return p.last.document, nil
	}
	document, err := p.sign(key, ids, now)
	if err != nil {
		return Document{}, err
	}
	p.last = signed{ids, key.ID(), now, document}
	return document, nil
}

// takenBack returns the jti of all tokens that have been taken back, in order and each once.
func (p *Publisher) takenBack(ctx context.Context) ([]string, error) {
	var all []string
	for _, some := range p.config.TakenBack {
		ids, err := some(ctx)
		if err != nil {
			return nil, fmt.Errorf("which tokens have been taken back: %w", err)
		}
		all = append(all, ids...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// claims are those of §5.1, and iss for whoever looks for the key by it.
type claims struct {
	Issuer    string `json:"iss"`
	Subject   string `json:"sub"`
	IssuedAt  int64  `json:"iat"`
	ExpiresAt int64  `json:"exp"`
	TTL       int64  `json:"ttl"`
	List      list   `json:"status_list"`
}

type list struct {
	Bits int    `json:"bits"`
	List string `json:"lst"`
}

func (p *Publisher) sign(key Signer, ids []string, now time.Time) (Document, error) {
	set := make([]int, len(ids))
	for i, id := range ids {
		set[i] = Index(p.config.URI, id)
	}
	compressed, err := compress(set)
	if err != nil {
		return Document{}, err
	}
	text, err := json.Marshal(claims{
		Issuer: p.config.Issuer, Subject: p.config.URI,
		IssuedAt: now.Unix(), ExpiresAt: now.Add(valid).Unix(), TTL: int64(TTL.Seconds()),
		List: list{Bits: 1, List: compressed},
	})
	if err != nil {
		return Document{}, fmt.Errorf("encoding the status list: %w", err)
	}
	token, err := key.Sign(Type, text)
	if err != nil {
		return Document{}, fmt.Errorf("signing the status list: %w", err)
	}
	sum := sha256.Sum256([]byte(token))
	return Document{Body: []byte(token), ETag: `"` + hex.EncodeToString(sum[:16]) + `"`}, nil
}
