package config

import (
	"net/url"
	"strings"
)

// maxIntermediates is more than any federation has between an entity and its anchor; each is another entity that can
// vouch for keys.
const maxIntermediates = 10

const defaultIntermediates = 3

// keySource reads the URL that keys are fetched from (protocol F1). Braces are no characters of a URI in any case; that
// they are no template either is said in so many words: claims that found their way into such a URL have let strangers
// choose the keys elsewhere.
func (v value) keySource() string {
	written := v.text()
	if written == "" {
		return ""
	}
	if strings.ContainsAny(written, "{}") {
		v.fault("is a template; there are none: the URL is the same for every token, and nothing of a token goes into it")
		return ""
	}
	u, problem := webURL(written)
	if problem != "" {
		v.fault("%s; write https://HOST/PATH", problem)
		return ""
	}
	v.warnOfHTTP(u)
	return written
}

// warnOfHTTP warns of keys that come by way of http.
func (v value) warnOfHTTP(u *url.URL) {
	if u.Scheme == "http" {
		v.warn("is http: whoever is on the way can put other keys in; use it on this machine alone")
	}
}

// readDiscovery reads whether the keys are those that the issuer's own metadata names (OpenID Connect Discovery §4,
// RFC 8414 §3). A client has no such metadata: it is registered with the URL of its keys.
func readDiscovery(m *mapping, use keyUse) bool {
	v := m.optional("discovery")
	if !v.flag() {
		if v.node != nil {
			v.fault("is false; leave it out, or write true")
		}
		return false
	}
	if !use.issues {
		m.forbid("discovery", "it is for issuers; a client's keys have a jwks_uri")
		return false
	}
	v.checkMetadata(use.name)
	return true
}

// checkMetadata checks that the issuer can have metadata, for what asks for it.
func (v value) checkMetadata(issuer string) {
	u, problem := metadataURL(issuer)
	switch {
	case issuer == "": // A fault has been reported.
	case problem != "":
		v.fault("needs an issuer that is an https URL without query, since its metadata is there; this one %s", problem)
	default:
		v.warnOfHTTP(u)
	}
}

// readFetching reads what one source of keys needs. It stands among the other fields of keys.
func readFetching(m *mapping) Fetching {
	ca := m.optional("ca")
	private := m.optional("private_network")
	f := Fetching{
		BearerTokenFile: m.optional("bearer_token_file").filename(),
		PrivateNetwork:  private.flag(),
	}
	f.CA, f.CAFile = readCA(ca)
	if !m.has("jwks_uri") && !m.has("discovery") {
		for _, name := range []string{"ca", "bearer_token_file", "private_network"} {
			m.forbid(name, "it goes with jwks_uri and discovery")
		}
		return Fetching{}
	}
	if f.PrivateNetwork {
		private.warn("is on: whoever decides what the name of this source resolves to can have this service send " +
			"requests to machines inside your network")
	}
	return f
}

// readCA reads certificates, or the name of a file of them. A private key in their place is never repeated.
func readCA(v value) (certificates, file string) {
	if v.node == nil || !strings.Contains(v.node.Value, pemBegin) {
		return "", v.filename()
	}
	written := v.text()
	if !v.holdsCertificates(written) {
		return "", ""
	}
	return written, ""
}

const pemBegin = "-----BEGIN "

// holdsCertificates reports whether PEM is of certificates alone, and refuses any other.
func (v value) holdsCertificates(written string) bool {
	if strings.Count(written, pemBegin) != strings.Count(written, pemBegin+"CERTIFICATE-----") {
		v.fault("has something else than certificates; write PEM whose every block is a CERTIFICATE, or the name of a file")
		return false
	}
	return true
}

// entityTypes are those of OpenID Federation 1.0 §5.1 that can have the keys of somebody who asserts.
func entityTypes() []string {
	return []string{OAuthClient, OpenIDRelyingParty, OAuthAuthorizationServer, OpenIDProvider}
}

// readFederation reads where trust chains may end. The entity is found by the name of the party, so that must be an
// entity identifier (OpenID Federation 1.0 §1.2).
func readFederation(v value, use keyUse) Federation {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node == nil {
		return Federation{}
	}
	if _, problem := metadataURL(use.name); use.name != "" && problem != "" {
		v.fault("needs a name that is an entity identifier, an https URL without query; this one %s", problem)
	}
	entityType := OAuthClient
	if use.issues {
		entityType = OpenIDProvider
	}
	ids := register{}
	return Federation{
		At:            m.at(),
		TrustAnchors:  list(m.required("trust_anchors"), func(v value) TrustAnchor { return readTrustAnchor(v, ids, use.rings) }),
		EntityType:    m.optional("entity_type").oneOf(entityType, entityTypes()...),
		MaxPathLength: m.optional("max_path_length").count(defaultIntermediates, 0, maxIntermediates),
	}
}

// readTrustAnchor reads one anchor with its own keys. They are never fetched: all that the chain says rests on them.
func readTrustAnchor(v value, ids register, rings *ringReader) TrustAnchor {
	m := v.mapping()
	defer m.refuseOthers()
	id := m.required("id")
	m.exactlyOne("jwks", "file", "secret")
	a := TrustAnchor{
		At:     m.at(),
		ID:     id.text(),
		JWKS:   readJWKS(m.optional("jwks")),
		File:   m.optional("file").filename(),
		Secret: m.optional("secret").secretName(),
	}
	if u, problem := metadataURL(a.ID); a.ID != "" && problem != "" {
		id.fault("%s; write the anchor's entity identifier, an https URL without query and fragment", problem)
	} else if a.ID != "" {
		id.warnOfHTTP(u)
	}
	ids.enter(id, a.ID)
	rings.refusePrivate(m.place("secret"), a.Secret)
	return a
}
