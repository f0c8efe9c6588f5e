package config

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// identifier reads a name that is compared character by character: printable ASCII (the VSCHAR of RFC 6749
// appendix A), so that two names that look the same are the same.
func (v value) identifier() string {
	name := v.text()
	if !printable.MatchString(name) {
		v.fault("is %s; use printable ASCII characters only", quote(name))
		return ""
	}
	return name
}

var printable = matching(`\A[ -~]*\z`)

// filename reads the path of a file or folder.
func (v value) filename() string {
	name := v.text()
	if strings.ContainsFunc(name, unicode.IsControl) {
		v.fault("has control characters or line breaks; write the path alone")
	}
	return name
}

// scope reads one scope token (RFC 6749 §3.3, protocol S1).
func (v value) scope() string {
	scope := v.text()
	if !scopeToken.MatchString(scope) {
		v.fault("is %s; a scope is printable ASCII without space, \" and \\ (RFC 6749 §3.3)", quote(scope))
	}
	return scope
}

var scopeToken = matching(`\A[\x21\x23-\x5B\x5D-\x7E]*\z`)

// secretName reads the name of a secret in Secret Manager. A text that is no such name is never repeated in the fault:
// it may be the secret itself, written in the wrong place.
func (v value) secretName() string {
	name := v.text()
	if name != "" && !secretForm.MatchString(name) {
		v.fault("is not the name of a secret; write projects/PROJECT/secrets/SECRET, " +
			"and never the secret itself or one version of it")
		return ""
	}
	return name
}

var secretForm = matching(`\Aprojects/[^/\s]+/secrets/[^/\s]+\z`)

// kmsKeyName reads the name of a key in Cloud KMS. A text that is no such name is never repeated in the fault: it may be
// the key itself.
func (v value) kmsKeyName() string {
	name := v.text()
	if name != "" && !kmsKeyForm.MatchString(name) {
		v.fault("is not the name of a key in Cloud KMS; write " +
			"projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, and never one version of it")
		return ""
	}
	return name
}

var kmsKeyForm = matching(`\Aprojects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+\z`)

// issuer reads the service's own issuer identifier: a URL with scheme https, without query and fragment (RFC 8414 §2).
// A path is allowed, with or without a final slash. http is for a service that only its own machine can reach.
func (v value) issuer() string {
	written := v.text()
	if written == "" {
		return ""
	}
	u, problem := metadataURL(written)
	switch {
	case problem != "":
		v.fault("%s; write https://HOST, with a port and a path if need be (RFC 8414 §2), "+
			"or http://localhost, http://127.0.0.1 or http://[::1] for a local run", problem)
	case u.Scheme == "http":
		v.warn("is http: whoever is on the way can read and change every request; use it on this machine alone")
	}
	return written
}

// metadataURL checks a name under which metadata is found: OpenID Connect Discovery §4, RFC 8414 §3 and OpenID
// Federation 1.0 §9 all take it for the beginning of a URL, so it has no query.
func metadataURL(name string) (u *url.URL, problem string) {
	u, problem = webURL(name)
	if problem == "" && strings.Contains(name, "?") {
		problem = "has a query"
	}
	return u, problem
}

// webURL checks a URL that something is fetched from: https, and http on this machine alone.
func webURL(written string) (u *url.URL, problem string) {
	u, problem = parseURI(written)
	switch {
	case problem != "":
	case u.Scheme != "https" && u.Scheme != "http":
		problem = "is not an https URL"
	case u.Hostname() == "":
		problem = "has no host"
	case u.User != nil:
		problem = "has a user name"
	case u.Scheme == "http" && !loopback(u):
		problem = "is http beyond this machine"
	}
	return u, problem
}

// loopback reports whether a URL is of this machine, by one of three exact names: what else may resolve to it
// (127.1, 0.0.0.0, a name in DNS) is for nobody to guess.
func loopback(u *url.URL) bool {
	host := u.Host
	if port := u.Port(); port != "" {
		host = strings.TrimSuffix(host, ":"+port)
	}
	return host == "localhost" || host == "127.0.0.1" || host == "[::1]"
}

// resourceID reads a resource's identifier: an absolute URI without fragment (RFC 8707 §2).
func (v value) resourceID() string {
	written := v.text()
	if written == "" {
		return ""
	}
	if problem := absolute(written); problem != "" {
		v.fault("%s; write an absolute URI without fragment, such as https://api.example.com (RFC 8707 §2)", problem)
	}
	return written
}

// absolute checks an absolute URI (RFC 3986 §4.3).
func absolute(written string) (problem string) {
	u, problem := parseURI(written)
	switch {
	case problem != "":
	case !u.IsAbs():
		problem = "has no scheme"
	case u.Opaque == "" && u.Host == "" && u.Path == "":
		problem = "has nothing after its scheme"
	case (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() == "":
		problem = "has no host"
	}
	return problem
}

// parseURI is stricter than net/url: only the characters of RFC 3986, no fragment, and a scheme in the lower case in
// which it would be compared.
func parseURI(written string) (u *url.URL, problem string) {
	if i := strings.IndexFunc(written, outsideURI); i >= 0 {
		return nil, fmt.Sprintf("has the character %q, which no URI has", []rune(written[i:])[0])
	}
	if strings.Contains(written, "#") {
		return nil, "has a fragment"
	}
	u, err := url.Parse(written)
	if err != nil {
		return nil, "is not a URI"
	}
	if !strings.HasPrefix(written, u.Scheme) {
		return nil, "has upper-case letters in its scheme"
	}
	return u, ""
}

// outsideURI reports whether no part of a URI holds the character (RFC 3986 §2).
func outsideURI(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune("\"<>\\^`{|}", r)
}

// secretHash reads the hash of a client secret. Whatever else stands there is never repeated in the fault: it is
// probably the secret.
func secretHash(v value) SecretHash {
	hash := v.text()
	if hash != "" && !argon2idForm.MatchString(hash) && !bcryptForm.MatchString(hash) {
		v.fault("is not the hash of a secret; write an argon2id hash ($argon2id$v=19$…) or a bcrypt hash ($2b$…), " +
			"and never the secret itself")
		return SecretHash{At: v.at()}
	}
	return SecretHash{At: v.at(), Hash: hash}
}

var (
	argon2idForm = matching(`\A\$argon2id\$v=19\$m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,3}` +
		`\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+\z`)
	bcryptForm = matching(`\A\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}\z`)
)
