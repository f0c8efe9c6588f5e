package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// tlsTransport trusts the servers over TLS, and shows this certificate; empty: it has none.
func tlsTransport(certificate string) *http.Transport {
	authority, err := os.ReadFile(os.Getenv("INTEROP_FAPI_CA"))
	if err != nil {
		fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(authority)
	if certificate != "" {
		config.Certificates = []tls.Certificate{keyPair(certificate)}
	}
	return &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
}

func keyPair(certificate string) tls.Certificate {
	pair, err := tls.X509KeyPair(file(certificate+".crt.pem"), file(certificate+".pem"))
	if err != nil {
		fatal(err)
	}
	return pair
}

// mutualTLS are the flows with certificates of clients (RFC 8705).
func mutualTLS() []flow {
	flows := []flow{
		{oauth2Module, "tls_client_auth, by the subject", func(ctx context.Context) error {
			return showing(ctx, "tls-pki", named("fapi-subject"))
		}},
		{oauth2Module, "tls_client_auth, by a DNS name", func(ctx context.Context) error {
			return showing(ctx, "tls-pki", named("fapi-dns"))
		}},
		{oauth2Module, "self_signed_tls_client_auth", func(ctx context.Context) error {
			return showing(ctx, "tls-self", named("fapi-self"))
		}},
		{oauth2Module, "private_key_jwt, and the token is bound to the certificate", func(ctx context.Context) error {
			config, err := asserted("fapi-mtls", fapiIssuer)
			if err != nil {
				return err
			}
			return showing(ctx, "tls-other", config)
		}},
	}
	for _, one := range []struct{ name, client, certificate string }{
		{"no certificate", "fapi-subject", ""},
		{"the certificate of somebody else", "fapi-subject", "tls-other"},
		{"a certificate with the right subject by another CA", "fapi-subject", "tls-stranger"},
		{"self-signed, a key that is not registered", "fapi-self", "tls-nobody"},
		{"self-signed, no certificate", "fapi-self", ""},
		{"private_key_jwt, a certificate instead of an assertion", "fapi-key", "tls-pki"},
	} {
		flows = append(flows, flow{oauth2Module, one.name + " is invalid_client", func(ctx context.Context) error {
			_, err := named(one.client).Token(with(ctx, tlsTransport(one.certificate)))
			return want(err, refusedWith("invalid_client", http.StatusUnauthorized))
		}})
	}
	return append(flows,
		flow{oauth2Module, "private_key_jwt, mutual TLS is required: no certificate is invalid_request", func(ctx context.Context) error {
			_, err := bindsTo(ctx, tlsTransport(""), "fapi-mtls", fapiIssuer, fapiAPI)
			return want(err, refusedWith("invalid_request", http.StatusBadRequest))
		}},
		flow{oauth2Module, "a stolen token is refused at the API without a certificate", func(ctx context.Context) error {
			return stolen(ctx, "")
		}},
		flow{oauth2Module, "a stolen token is refused at the API with another certificate", func(ctx context.Context) error {
			return stolen(ctx, "tls-other")
		}},
	)
}

// showing gets a token over a connection with this certificate, sees that it is bound to it, and calls the API.
func showing(ctx context.Context, certificate string, config *clientcredentials.Config) error {
	ctx = with(ctx, tlsTransport(certificate))
	token, err := config.Token(ctx)
	if err != nil {
		return err
	}
	if err := namesCertificate(token.AccessToken, keyPair(certificate)); err != nil {
		return err
	}
	return callAt(fapiAPI, oauth2.NewClient(ctx, oauth2.StaticTokenSource(token)), http.MethodGet, config.ClientID)
}

// stolen calls the API with the token of a client, and the certificate of somebody else or none.
func stolen(ctx context.Context, certificate string) error {
	token, err := named("fapi-subject").Token(with(ctx, tlsTransport("tls-pki")))
	if err != nil {
		return err
	}
	return notAccepted(fapiAPI, oauth2.NewClient(with(ctx, tlsTransport(certificate)), oauth2.StaticTokenSource(token)))
}

// namesCertificate checks that a token names the certificate by its thumbprint (RFC 8705 §3.1).
func namesCertificate(token string, pair tls.Certificate) error {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return err
	}
	var claims struct {
		Confirmation map[string]string `json:"cnf"`
	}
	if err := parsed.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return err
	}
	hash := sha256.Sum256(pair.Certificate[0])
	if claims.Confirmation["x5t#S256"] != base64.RawURLEncoding.EncodeToString(hash[:]) {
		return fmt.Errorf("cnf is %v", claims.Confirmation)
	}
	return nil
}
