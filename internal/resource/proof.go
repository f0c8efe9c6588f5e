package resource

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
)

// DPoP is how an API checks proofs (RFC 9449 §7).
type DPoP struct {
	// URL is where callers reach the API, the part in front of the path that its handlers see: https://api.example.com,
	// or https://example.com/api where what is in front of the API takes /api away. Required. What a request says of
	// where it was sent to (Host, X-Forwarded-Host and the like) is not looked at: a caller chooses it.
	URL string

	// Replay remembers which proofs have been used. Required. Where several instances serve the API, it has to be one
	// that they share.
	Replay replay.Store

	Algorithms []jose.Algorithm // of proofs; none: all of [dpop.Algorithms]
	Nonces     *dpop.Nonces     // every proof must have one; nil: proofs need none
}

// proofs checks proofs.
type proofs struct {
	verifier   *dpop.Verifier
	url        string
	replay     replay.Store
	algorithms []jose.Algorithm
	nonces     *dpop.Nonces // nil: none are given out
}

func newProofs(config DPoP, now func() time.Time) (*proofs, error) {
	own, err := readURL(config.URL)
	if err != nil {
		return nil, err
	}
	if config.Replay == nil {
		return nil, errors.New("resource: proofs need a memory of those that have been used")
	}
	for _, algorithm := range config.Algorithms {
		if !slices.Contains(dpop.Algorithms(), algorithm) {
			return nil, fmt.Errorf("resource: %q is no algorithm of proofs", algorithm)
		}
	}
	verifier, err := dpop.New(dpop.Config{Now: now, Nonces: config.Nonces})
	if err != nil {
		return nil, err
	}
	algorithms := config.Algorithms
	if len(algorithms) == 0 {
		algorithms = dpop.Algorithms()
	}
	return &proofs{verifier, own, config.Replay, slices.Clone(algorithms), config.Nonces}, nil
}

// readURL returns the URL of the API so that a path can follow it.
func readURL(text string) (string, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("resource: the URL of the API: %w", err)
	case base.Scheme != "https" && base.Scheme != "http", base.Host == "":
		return "", fmt.Errorf("resource: the URL of the API is not an absolute http or https URL: %q", text)
	case base.User != nil, strings.ContainsAny(text, "?#"):
		return "", fmt.Errorf("resource: the URL of the API has a user, a query or a fragment: %q", text)
	case strings.ContainsFunc(base.Host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", fmt.Errorf("resource: the host of the API is not as in DNS: %q", text)
	}
	return base.Scheme + "://" + base.Host + strings.TrimRight(pathOf(base), "/"), nil
}

// algs returns what the algorithms of proofs are called in challenges and in metadata.
func (p *proofs) algs() []string {
	var names []string
	for _, algorithm := range p.algorithms {
		names = append(names, algorithm.Names()...)
	}
	return names
}

// verify holds RFC 9449 §4.3 for the proof of a request with this token, which is bound to the key of this thumbprint.
func (p *proofs) verify(r *http.Request, token, thumbprint string) (dpop.Proof, error) {
	texts := r.Header.Values("DPoP")
	if len(texts) != 1 {
		return dpop.Proof{}, badProof(errHeaders)
	}
	proof, err := p.verifier.Verify(r.Context(), texts[0], dpop.Request{
		Method:      r.Method,
		URLs:        []string{p.url + pathOf(r.URL)},
		Algorithms:  p.algorithms,
		AccessToken: token,
		Thumbprint:  thumbprint,
	})
	fault, isFault := errors.AsType[*dpop.Fault](err)
	switch {
	case err == nil:
		return proof, nil
	case !isFault:
		return dpop.Proof{}, undecided{"the DPoP proof cannot be checked", err}
	case errors.Is(err, dpop.ErrKey):
		// The proof is one, and the token is another's: Figure 16 of RFC 9449.
		return dpop.Proof{}, invalid(errors.New("it is bound to another key than that of the DPoP proof"))
	default:
		return dpop.Proof{}, badProof(fault)
	}
}

// errHeaders holds RFC 9449 §4.3 item 1.
var errHeaders = &dpop.Fault{Reason: "headers", Sentence: "the request needs exactly one DPoP header"}

// remember makes sure that a proof is good only once.
func (p *proofs) remember(ctx context.Context, proof dpop.Proof) error {
	err := p.replay.Use(ctx, []replay.Use{proof.Use()})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, replay.ErrReplayed):
		return badProof(dpop.ErrReplayed)
	default:
		return undecided{"whether the DPoP proof has been used before cannot be found out", err}
	}
}

// giveNonce puts the nonce for the next proof into an answer (RFC 9449 §8.2, §9), whatever else is in it. An answer
// with one must not be kept, or its nonce would reach clients when it is too old.
func (p *proofs) giveNonce(ctx context.Context, answer http.Header) error {
	if p.nonces == nil {
		return nil
	}
	nonce, err := p.nonces.Fresh(ctx)
	if err != nil {
		return undecided{"the DPoP proof cannot be checked", err}
	}
	answer.Set("DPoP-Nonce", nonce)
	answer.Set("Cache-Control", "no-store")
	return nil
}

// pathOf returns the path of a request as a URL has it. In what net/url leaves as it came there are two characters that
// RFC 3986 §3.3 wants encoded. The targets * and host:port have no path (RFC 9110 §7.1).
func pathOf(target *url.URL) string {
	path := target.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		return ""
	}
	return strings.NewReplacer("[", "%5B", "]", "%5D").Replace(path)
}
