package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
	"example.com/countersign/internal/trace"
)

// A rehearsal is the real service with a configuration that has stand-ins for what is not at hand: keys and secrets
// that are kept elsewhere. No check is made in another way for it, and none is left out: what a stand-in decides is
// only not believed. Its names are those of the checks that are taken for granted so, with the reason.
type rehearsal struct {
	configuration *config.Config
	form          url.Values
	header        http.Header
	assumed       map[string]string
	rings         map[string]string // the algorithm of our own keys in a secret of this name
	replaced      config.Keys       // where the keys of the assertion's party are, if a stand-in takes their place
	byCertificate bool              // the client of the request authenticates with a certificate
	sealing       sealingStandIn    // what seals opaque tokens
}

// newRehearsal loads the configuration anew, since the stand-ins are written into it.
func (q question) newRehearsal() (*rehearsal, error) {
	configuration, faults := config.Load(inputName(q.path), q.document)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	r := &rehearsal{
		configuration: configuration,
		form:          url.Values{},
		header:        http.Header{},
		rings:         map[string]string{},
		assumed: map[string]string{
			"once": "not checked: only the running service knows whether it has been used before",
			"sign": "not checked: our own key is not at hand",
		},
	}
	configuration.StopList = config.StopList{} // it is not at hand, and changes without the configuration
	configuration.DPoP.Nonces = ""             // no proof is at hand to be asked for one
	r.standInForRing(&configuration.SigningKeys.KeyRing)
	for i := range configuration.SigningKeys.Additional {
		r.standInForRing(&configuration.SigningKeys.Additional[i])
	}
	r.sealing = newSealingStandIn(configuration.Issuer)
	return r, nil
}

// standInForRing has the tokens signed with a key that nobody has.
func (r *rehearsal) standInForRing(ring *config.KeyRing) {
	name := fmt.Sprintf("projects/rehearsal/secrets/ring-%d", len(r.rings))
	r.rings[name] = ring.Algorithm
	ring.Secret, ring.Directory, ring.KMS = name, "", ""
}

// standInForClient gives the client of the request a secret in place of its credential, which is not at hand. One that
// is unknown, or has no credential, is asked for none.
func (r *rehearsal) standInForClient(id string) error {
	for i := range r.configuration.Clients {
		registered := &r.configuration.Clients[i]
		if registered.ID != id || registered.Authentication == config.NoAuthentication {
			continue
		}
		secret := rand.Text()
		hash, err := hashSecret([]byte(secret))
		if err != nil {
			return err
		}
		r.assumed["client"] = "not checked: what follows is as if it had authenticated by " + registered.Authentication
		r.byCertificate = registered.Authentication == oauth.TLSClientAuth || registered.Authentication == oauth.SelfSignedTLSClientAuth
		registered.Authentication = config.ClientSecretPost
		registered.Secrets = []config.SecretHash{{At: registered.At, Hash: hash}}
		registered.CertificateName = config.CertificateName{}
		r.form.Set("client_secret", secret)
	}
	return nil
}

// source is where a secret would be. Shared secrets are random bytes, enough for every HMAC.
func (r *rehearsal) source(name string) keys.Source {
	if algorithm, isRing := r.rings[name]; isRing {
		return standIn(func() ([]byte, error) { return newKeyOf(jose.Algorithm(algorithm)) })
	}
	if name == r.configuration.OpaqueTokens.Secret {
		return standIn(func() ([]byte, error) { return r.sealing.material, nil })
	}
	return standIn(func() ([]byte, error) { return randomText(64), nil })
}

// standIn makes the only version of a secret when it is asked for.
type standIn func() ([]byte, error)

// Versions implements keys.Source.
func (s standIn) Versions(context.Context) ([]keys.Version, error) {
	payload, err := s()
	return []keys.Version{{ID: "1", Created: time.Unix(0, 0), State: keys.Enabled, Payload: payload}}, err
}

func newKeyOf(algorithm jose.Algorithm) ([]byte, error) {
	key, err := jose.GenerateSigningKey(algorithm)
	if err != nil {
		return nil, err
	}
	return key.EncodePKCS8()
}

// answered is what came of a request.
type answered struct {
	steps  []trace.Step
	status int
	body   []byte
	reason string // in the log
}

// rehearse runs the request, and again where it was refused for what a stand-in can bring.
func (r *rehearsal) rehearse(ctx context.Context, q question) (answered, error) {
	for {
		answer, err := r.run(ctx, q)
		if err != nil {
			return answered{}, err
		}
		again, err := r.standInForSender(answer.reason, q.at)
		if err != nil || !again {
			return answer, err
		}
	}
}

// run sends the request through the handler of the token endpoint, in this process, and watches it.
func (r *rehearsal) run(ctx context.Context, q question) (answered, error) {
	var log bytes.Buffer
	built, faults := service.New(r.configuration, service.Surroundings{
		Secrets: r.source,
		Replay:  inMemory(func() time.Time { return q.at }),

		Revocations: revokedInMemory(func() time.Time { return q.at }),

		Folder: filepath.Dir(q.path),
		Now:    func() time.Time { return q.at },
		Log:    server.NewLog(&log),
	})
	if err := faults.Err(); err != nil {
		return answered{}, err
	}
	ctx, record := trace.Watch(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server.TokenPath, strings.NewReader(r.form.Encode()))
	if err != nil {
		return answered{}, err
	}
	request.Header = r.header
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := &localAnswer{header: http.Header{}}
	built.Server.Token().ServeHTTP(answer, request)
	reason, err := reasonIn(log.Bytes())
	return answered{record.Steps(), answer.status, answer.body.Bytes(), reason}, err
}

// reasonIn returns the reason that the audit line gives; empty: nothing was refused.
func reasonIn(log []byte) (string, error) {
	for line := range bytes.Lines(log) {
		var entry struct{ Event, Reason string }
		if json.Unmarshal(line, &entry) == nil && entry.Event == "token" {
			return entry.Reason, nil
		}
	}
	return "", errors.New("the service has decided nothing, which is a defect")
}

// localAnswer is a response that goes nowhere.
type localAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *localAnswer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *localAnswer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *localAnswer) Write(text []byte) (int, error) { return a.body.Write(text) }

// ask fills in the form of the request.
func (r *rehearsal) ask(q question, use assertionUse, assertion oauth.Secret) error {
	set := func(name, value string) {
		if value != "" {
			r.form.Set(name, value)
		}
	}
	set("grant_type", use.grant)
	set("scope", q.scope)
	set("client_id", q.client)
	r.form["resource"] = q.resources
	if use.parameter() == clientAssertionParameter {
		set("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)
		set("client_assertion", assertion.Reveal())
		return nil
	}
	set(use.parameter(), assertion.Reveal())
	if use.grant == oauth.TokenExchange {
		set("subject_token_type", oauth.TypeJWT)
	}
	return r.standInForClient(q.client)
}
