package server

import (
	"bytes"
	"crypto/x509"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/oauth"
)

// Bounds on a request (protocol T4).
const (
	maxBody       = 64 << 10 // bytes
	maxParameters = 64
)

// statusError is a refusal whose HTTP status is not the one of its code.
type statusError struct {
	refusal *oauth.Error
	status  int
}

// Error returns the text of the refusal.
func (e *statusError) Error() string { return e.refusal.Error() }

// Unwrap returns the refusal.
func (e *statusError) Unwrap() error { return e.refusal }

// readForm reads the body of a request, once. The query string is never looked at (protocol T2).
func (s *Server) readForm(w http.ResponseWriter, r *http.Request) (oauth.Form, error) {
	if r.Method != http.MethodPost {
		return oauth.Form{}, &statusError{invalid("method", "this endpoint takes POST requests only"), http.StatusMethodNotAllowed}
	}
	if !isForm(r.Header.Values("Content-Type")) {
		return oauth.Form{}, invalid("content_type", "the body must be application/x-www-form-urlencoded")
	}
	if len(r.Header.Values("Content-Encoding")) > 0 {
		return oauth.Form{}, invalid("content_encoding", "the body must not be compressed")
	}
	text, err := s.readBody(w, r)
	if err != nil {
		return oauth.Form{}, err
	}
	if strings.Count(text, "&") >= maxParameters {
		return oauth.Form{}, invalid("too_many_parameters", "the body has more than 64 parameters")
	}
	parameters, err := url.ParseQuery(text)
	if err != nil {
		return oauth.Form{}, invalid("form_malformed", "the body is not a correctly encoded form")
	}
	certificates, err := s.certificates(r)
	if err != nil {
		return oauth.Form{}, err
	}
	return oauth.Form{
		Parameters:    parameters,
		Authorization: r.Header.Values("Authorization"),
		Proofs:        r.Header.Values("DPoP"),
		Certificates:  certificates,
	}, nil
}

// readBody reads all of the body, into memory that is used again and keeps nothing of it.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	body, again := s.bodies.Get().(*bytes.Buffer)
	if !again {
		body = &bytes.Buffer{}
	}
	_, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, maxBody))
	text := body.String()
	clear(body.Bytes())
	body.Reset()
	s.bodies.Put(body)
	if err == nil {
		return text, nil
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return "", &statusError{invalid("body_too_large", "the body is larger than 64 KiB"), http.StatusRequestEntityTooLarge}
	}
	return "", invalid("body_unreadable", "the body ended before it was complete")
}

// certificates returns what the proxy in front of us says of the TLS client (protocol M1).
func (s *Server) certificates(r *http.Request) ([]*x509.Certificate, error) {
	if s.config.Proxy == nil {
		return nil, nil
	}
	certificates, err := s.config.Proxy.Certificates(r.Context(), r.Header.Values)
	fault, isFault := errors.AsType[*mutualtls.Fault](err)
	switch {
	case isFault:
		return nil, invalid(fault.Reason, fault.Sentence)
	case err != nil:
		return nil, oauth.Unavailable("proxy_secret_unavailable", err)
	}
	return certificates, nil
}

// isForm reports whether the Content-Type fields say that the body is a form. Two fields are none: who reads the other
// one, a proxy for example, reads another body.
func isForm(fields []string) bool {
	if len(fields) != 1 {
		return false
	}
	const form = "application/x-www-form-urlencoded"
	if fields[0] == form { // as almost everybody writes it
		return true
	}
	mediaType, _, err := mime.ParseMediaType(fields[0])
	return err == nil && mediaType == form
}

func invalid(reason, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description, Reason: reason}
}
