package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"example.com/countersign/internal/cachecontrol"
)

// Bounds on one answer (protocol F1).
const (
	maxBody   = 256 << 10 // bytes
	maxHeader = 32 << 10  // bytes
	maxURL    = 2 << 10   // bytes
)

// FetcherConfig says how a [Fetcher] reaches others.
type FetcherConfig struct {
	Now      func() time.Time
	Resolver *net.Resolver // nil: that of the machine
	// AllowLoopback is for local runs only. A source that is configured at localhost or a loopback address is then reached
	// there, by http too, and nowhere else.
	AllowLoopback bool
}

// Fetcher fetches documents that others publish. It trusts neither them nor their names: where a connection goes is
// decided when it is dialled, by the address (protocol F1). Redirects, proxies of the environment, cookies and
// compression do not exist for it.
type Fetcher struct{ config FetcherConfig }

// NewFetcher returns a fetcher.
func NewFetcher(config FetcherConfig) (*Fetcher, error) {
	if config.Now == nil {
		return nil, errors.New("trust: a fetcher wants a clock")
	}
	return &Fetcher{config}, nil
}

func (f *Fetcher) now() time.Time { return f.config.Now() }

// source is the place that one party publishes at. Sources share nothing.
type source struct {
	fetcher    *Fetcher
	configured *url.URL
	local      bool // the configured host is this machine
	networks   []netip.Prefix
	bearer     func(context.Context) (string, error)
	http       *http.Client
}

// source returns the place at written, the URL that the configuration gives.
func (f *Fetcher) source(written string, config RemoteConfig) (*source, error) {
	u, err := parseURL(written, f.config.AllowLoopback)
	if err != nil {
		return nil, err
	}
	for _, network := range config.Networks {
		if !openable(network) {
			return nil, fmt.Errorf("%s is not a private network", network)
		}
	}
	s := &source{
		fetcher: f, configured: u, local: f.config.AllowLoopback && isLoopback(u),
		networks: config.Networks, bearer: config.Bearer,
	}
	s.http = s.newClient(config.Roots)
	return s, nil
}

// newClient returns a client for HTTP/1.1, with a new connection for each request: the address is decided each time,
// and no connection stands still with an instance between two requests. A connection is not given up with the request
// that wanted it, so that opening one has bounds of its own.
func (s *source) newClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            s.dial,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    timeout,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHeader,
		},
	}
}

// dial decides by the address that is about to be connected to, whatever a name resolved to before (ZITADEL's bypasses,
// DNS rebinding).
func (s *source) dial(ctx context.Context, network, address string) (net.Conn, error) {
	reach := s.reach(address)
	dialer := net.Dialer{
		Timeout:  timeout,
		Resolver: s.fetcher.config.Resolver,
		Control: func(_, resolved string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(resolved)
			if err != nil {
				return ErrAddress
			}
			return reach.check(to.Addr())
		},
	}
	return dialer.DialContext(ctx, network, address)
}

// reach returns where connections to a host and port may go. What a discovery document names beside the configured
// host is on the public internet: it must not lead into a network that was opened for another purpose.
func (s *source) reach(address string) reach {
	switch host, _, err := net.SplitHostPort(address); {
	case err == nil && s.local && isLoopbackHost(host):
		return reach{local: true}
	case strings.EqualFold(address, authority(s.configured)):
		return reach{opened: s.networks}
	default:
		return reach{}
	}
}

// document is the body of an answer, and how long it is good by its own headers.
type document struct {
	body  []byte
	fresh time.Duration
}

// statusError is an answer that is not 200. One that redirects is among them (Fulcio CVE-2026-49478).
type statusError int

// Error implements error.
func (e statusError) Error() string { return fmt.Sprintf("the answer has status %d", int(e)) }

// get fetches the document at written before ctx ends.
func (s *source) get(ctx context.Context, written string) (document, error) {
	u, err := parseURL(written, s.local)
	if err != nil {
		return document{}, err
	}
	found, err := s.ask(ctx, u)
	if err != nil {
		return document{}, fmt.Errorf("fetching %s://%s%s: %w", u.Scheme, u.Host, u.EscapedPath(), err)
	}
	return found, nil
}

func (s *source) ask(ctx context.Context, u *url.URL) (document, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return document{}, err
	}
	request.Header.Set("Accept", "application/json, application/jwk-set+json")
	if s.bearer != nil && u.Scheme == s.configured.Scheme && authority(u) == authority(s.configured) {
		token, err := s.bearer(ctx)
		if err != nil {
			return document{}, fmt.Errorf("getting a token for it: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := s.http.Do(request)
	if failed, is := errors.AsType[*url.Error](err); is {
		err = failed.Err // without the URL, whose query is nobody's business
	}
	if err != nil {
		return document{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return document{}, statusError(response.StatusCode)
	}
	// It was not asked for. Unpacked, it might have no end.
	if response.Header.Get("Content-Encoding") != "" {
		return document{}, errors.New("the answer is compressed")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return document{}, err
	}
	if len(body) > maxBody {
		return document{}, errors.New("the answer is larger than 256 KiB")
	}
	return document{body, cachecontrol.Lifetime(response.Header, s.fetcher.now(), silent)}, nil
}

// parseURL reads a URL that may be fetched: https, or http on this machine in a local run. The error repeats nothing of
// it, since what is wrong may be a password.
func parseURL(written string, local bool) (*url.URL, error) {
	if len(written) > maxURL || strings.ContainsFunc(written, outsideURI) {
		return nil, errors.New("the URL is longer than 2 KiB or has a character that no URI has")
	}
	u, err := url.Parse(written)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("the URL is not one with a host")
	case u.User != nil:
		return nil, errors.New("the URL has a user name")
	case strings.Contains(written, "#"):
		return nil, errors.New("the URL has a fragment")
	case u.Scheme == "https" || u.Scheme == "http" && local && isLoopback(u):
		return u, nil
	default:
		return nil, errors.New("the URL is not https")
	}
}

// outsideURI reports whether no part of a URI holds the character (RFC 3986 §2). Braces are among them: there are no
// templates (Centrifugo CVE-2026-32301).
func outsideURI(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r)
}

func isLoopback(u *url.URL) bool { return isLoopbackHost(u.Hostname()) }

// isLoopbackHost reports whether host says by itself that it is this machine.
func isLoopbackHost(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// authority returns the host and port that a URL leads to.
func authority(u *url.URL) string {
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "http":
		port = "80"
	case port == "":
		port = "443"
	}
	return strings.ToLower(net.JoinHostPort(u.Hostname(), port))
}
