package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// prover adds a proof by go-jose to each request that x/oauth2 sends, since x/oauth2 has no DPoP (RFC 9449): to the token
// endpoint, and with the hash of the token to the API. Where the server wants a nonce it asks once more.
type prover struct {
	base      http.RoundTripper
	key       crypto.Signer
	algorithm jose.SignatureAlgorithm
	nonce     string
	change    func(*proofClaims) // what is to be wrong
	sent      int
}

type proofClaims struct {
	ID       string           `json:"jti"`
	Method   string           `json:"htm"`
	URL      string           `json:"htu"`
	IssuedAt *jwt.NumericDate `json:"iat"`
	Hash     string           `json:"ath,omitempty"`
	Nonce    string           `json:"nonce,omitempty"`
}

func (p *prover) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := p.send(request)
	if err != nil {
		return nil, err
	}
	nonce := answer.Header.Get("DPoP-Nonce")
	if answer.StatusCode < http.StatusBadRequest || nonce == "" || nonce == p.nonce {
		return answer, nil
	}
	p.nonce = nonce
	if err := answer.Body.Close(); err != nil {
		return nil, err
	}
	return p.send(request)
}

func (p *prover) send(request *http.Request) (*http.Response, error) {
	proof, err := p.proof(request)
	if err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	if request.GetBody != nil {
		if request.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	request.Header.Set("DPoP", proof)
	p.sent++
	return p.base.RoundTrip(request)
}

func (p *prover) proof(request *http.Request) (string, error) {
	claims := proofClaims{
		ID: rand(), Method: request.Method, URL: request.URL.String(), IssuedAt: jwt.NewNumericDate(time.Now()), Nonce: p.nonce,
	}
	if _, token, found := strings.Cut(request.Header.Get("Authorization"), " "); found {
		hash := sha256.Sum256([]byte(token))
		claims.Hash = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if p.change != nil {
		p.change(&claims)
	}
	options := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: p.algorithm, Key: p.key}, options)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

func newProver(base http.RoundTripper, algorithm jose.SignatureAlgorithm) *prover {
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(cryptorand.Reader)
	case jose.RS256, jose.PS256:
		key, err = rsa.GenerateKey(cryptorand.Reader, 2048)
	case jose.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), cryptorand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	}
	if err != nil {
		panic(err) // there is no randomness
	}
	return &prover{base: base, key: key, algorithm: algorithm}
}

// plainProver is for the service without TLS.
func plainProver(algorithm jose.SignatureAlgorithm) *prover {
	return newProver(http.DefaultTransport, algorithm)
}

// with makes x/oauth2 use this transport.
func with(ctx context.Context, transport http.RoundTripper) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: transport})
}

// asserted is a client with private_key_jwt of one of the services, for one token.
func asserted(client, at string) (*clientcredentials.Config, error) {
	claims := clientClaims(client)
	claims.Audience = jwt.Audience{at}
	assertion, err := sign("es256", claims)
	if err != nil {
		return nil, err
	}
	config := withAssertion(assertion)
	config.ClientID, config.TokenURL = client, at+"/token"
	return config, nil
}

// bindsTo gets a token whose requests go through this transport, and uses it at the API.
func bindsTo(ctx context.Context, transport http.RoundTripper, client, at, api string) (*oauth2.Token, error) {
	config, err := asserted(client, at)
	if err != nil {
		return nil, err
	}
	ctx = with(ctx, transport)
	token, err := config.Token(ctx)
	if err != nil {
		return nil, err
	}
	return token, callAt(api, oauth2.NewClient(ctx, oauth2.StaticTokenSource(token)), http.MethodGet, client)
}

// dpopFlows are those of tokens that are bound to a key.
func dpopFlows() []flow {
	var flows []flow
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.PS256, jose.EdDSA} {
		flows = append(flows, flow{oauth2Module, "DPoP, proofs by go-jose, " + string(algorithm), func(ctx context.Context) error {
			token, err := bindsTo(ctx, plainProver(algorithm), "dpop-key", issuer, api)
			if err == nil && token.Type() != "DPoP" {
				err = fmt.Errorf("token_type is %s", token.Type())
			}
			return err
		}})
	}
	for _, algorithm := range []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.EdDSA} {
		name := "FAPI 2.0, DPoP with the server's nonce, " + string(algorithm)
		flows = append(flows, flow{oauth2Module, name, func(ctx context.Context) error {
			p := newProver(tlsTransport(""), algorithm)
			// The assertion is the same in both requests for the token: asking for a nonce has not used it up.
			_, err := bindsTo(ctx, p, "fapi-dpop", fapiIssuer, fapiAPI)
			if err == nil && p.sent != 3 {
				err = fmt.Errorf("it took %d requests; want two for the token and one to the API", p.sent)
			}
			return err
		}})
	}
	return append(flows, refusedProofs()...)
}

func refusedProofs() []flow {
	wrong := []struct {
		what   string
		change func(*proofClaims)
	}{
		{"for another URL", func(c *proofClaims) { c.URL = "https://elsewhere.example/token" }},
		{"for another method", func(c *proofClaims) { c.Method = http.MethodGet }},
		{"of five minutes ago", func(c *proofClaims) { c.IssuedAt = jwt.NewNumericDate(time.Now().Add(-5 * time.Minute)) }},
		{"with an empty jti", func(c *proofClaims) { c.ID = "" }},
	}
	var flows []flow
	for _, one := range wrong {
		flows = append(flows, flow{joseModule, "a proof " + one.what + " is invalid_dpop_proof", func(ctx context.Context) error {
			p := plainProver(jose.ES256)
			p.change = one.change
			_, err := bindsTo(ctx, p, "dpop-key", issuer, api)
			return want(err, refusedWith("invalid_dpop_proof", http.StatusBadRequest))
		}})
	}
	return append(flows,
		flow{joseModule, "a jti used twice by one key is invalid_dpop_proof", func(ctx context.Context) error {
			p, once := plainProver(jose.ES256), rand()
			p.change = func(c *proofClaims) { c.ID = once }
			if _, err := bindsTo(ctx, p, "dpop-key", issuer, api); err != nil {
				return err
			}
			_, err := bindsTo(ctx, p, "dpop-key", issuer, api)
			return want(err, refusedWith("invalid_dpop_proof", http.StatusBadRequest))
		}},
		flow{oauth2Module, "DPoP is required: a request without a proof is invalid_dpop_proof", func(ctx context.Context) error {
			_, err := bindsTo(ctx, http.DefaultTransport, "dpop-key", issuer, api)
			return want(err, refusedWith("invalid_dpop_proof", http.StatusBadRequest))
		}},
		flow{oauth2Module, "FAPI 2.0, a proof with RS256 is invalid_dpop_proof", func(ctx context.Context) error {
			_, err := bindsTo(ctx, newProver(tlsTransport(""), jose.RS256), "fapi-dpop", fapiIssuer, fapiAPI)
			return want(err, refusedWith("invalid_dpop_proof", http.StatusBadRequest))
		}},
		flow{oauth2Module, "a stolen DPoP token is no Bearer token", func(ctx context.Context) error {
			token, err := bindsTo(ctx, plainProver(jose.ES256), "dpop-key", issuer, api)
			if err != nil {
				return err
			}
			stolen := &oauth2.Token{AccessToken: token.AccessToken, TokenType: "Bearer"}
			return notAccepted(api, oauth2.NewClient(ctx, oauth2.StaticTokenSource(stolen)))
		}},
		flow{oauth2Module, "a stolen DPoP token is refused with a proof by another key", func(ctx context.Context) error {
			token, err := bindsTo(ctx, plainProver(jose.ES256), "dpop-key", issuer, api)
			if err != nil {
				return err
			}
			return notAccepted(api, oauth2.NewClient(with(ctx, plainProver(jose.ES256)), oauth2.StaticTokenSource(token)))
		}},
		flow{oauth2Module, "a DPoP token without a proof is refused", func(ctx context.Context) error {
			token, err := bindsTo(ctx, plainProver(jose.ES256), "dpop-key", issuer, api)
			if err != nil {
				return err
			}
			return refusedAt(api, oauth2.NewClient(ctx, oauth2.StaticTokenSource(token)), "invalid_dpop_proof")
		}},
	)
}

// notAccepted turns the API's refusal of a token into success.
func notAccepted(api string, client *http.Client) error {
	return refusedAt(api, client, "invalid_token")
}

func refusedAt(api string, client *http.Client, code string) error {
	answer, err := client.Get(api + "/")
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	challenges := strings.Join(answer.Header.Values("WWW-Authenticate"), ", ")
	if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(challenges, `error="`+code+`"`) {
		return fmt.Errorf("the API says %s, %s: %s; want %s", answer.Status, challenges, body, code)
	}
	return nil
}

// named is a client that sends its id and nothing else, as one does that authenticates with a certificate (RFC 8705 §2).
func named(client string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: client, TokenURL: fapiIssuer + "/token", AuthStyle: oauth2.AuthStyleInParams, EndpointParams: url.Values{},
	}
}
