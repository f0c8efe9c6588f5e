package config

import "slices"

// client reads one registered client.
func (r partyReader) client(v value) Client {
	m := v.mapping()
	defer m.refuseOthers()
	id, authentication := m.required("id"), m.required("authentication")
	c := Client{
		At:              m.at(),
		ID:              id.identifier(),
		Disabled:        m.optional("disabled").flag(),
		Profile:         readProfile(m.optional("profile")),
		Authentication:  authentication.oneOf("", authenticationMethods()...),
		CertificateName: readCertificateName(m),
		DPoPRequired:    m.optional("dpop").only(RequiredWord),
		MTLSRequired:    r.certificates.readRequired(m.optional("mtls")),
		Secrets:         readSecrets(m.optional("secrets")),
		ClientAssertion: readClientAssertion(m.optional("client_assertion"), r.us),
		Grants:          distinct(m.optional("grants"), readGrant),
		Introspects:     distinct(m.optional("introspects"), r.rules.knownResource),
		Assertion:       readOwnAssertion(m.optional("assertion")),
	}
	fapi2 := r.profile != "" || c.Profile != ""
	c.Keys = readKeys(m.optional("keys"), keyUse{
		kind: keysFor(c.Authentication), name: c.ID, rings: r.rings,
		fapi2: fapi2 && slices.Contains(fapi2Methods(), c.Authentication), // else another fault says more
	})
	r.rules.fapi2 = fapi2 && r.profile == "" // else nothing at all is signed otherwise
	c.Allow = list(m.optional("allow"), r.rules.read)
	c.Exchange = list(m.optional("exchange"), r.rules.readExchange)
	r.names.enter(id, c.ID)
	if fapi2 {
		holdClientToFAPI2(m, c)
	}
	r.certificates.checkMethod(authentication, c.Authentication)
	checkAuthentication(m, c)
	checkGrants(m, c)
	checkRules(m, c)
	return c
}

func authenticationMethods() []string {
	return []string{
		PrivateKeyJWT, ClientSecretJWT, ClientSecretBasic, ClientSecretPost, TLSClientAuth, SelfSignedTLSClientAuth,
		NoAuthentication,
	}
}

func readGrant(v value) string {
	return v.oneOf("", ClientCredentials, JWTBearer, TokenExchange)
}

// readSecrets reads one hash, or two while a client changes from one secret to the next.
func readSecrets(v value) []SecretHash {
	hashes := list(v, secretHash)
	if len(hashes) > 2 {
		v.fault("has %d hashes; keep two at most, the current one and the next", len(hashes))
	}
	return hashes
}

// keysFor returns what verifies a client's assertions, or its certificate. A client that authenticates without them can still sign
// assertions for the JWT authorization grant, in either way.
func keysFor(authentication string) keyKind {
	switch authentication {
	case PrivateKeyJWT:
		return publicKeys
	case SelfSignedTLSClientAuth:
		return certificateKeys
	case ClientSecretJWT:
		return sharedSecret
	}
	return anyKeys
}

// checkAuthentication holds a client to the fields that its method uses. A credential beside them is refused and not
// ignored: one who wrote it believes that it protects something (protocol C1, C2).
func checkAuthentication(m *mapping, c Client) {
	if c.Authentication != TLSClientAuth && c.Authentication != "" {
		for _, name := range certificateNames() {
			m.forbid(name, "it goes with %s", TLSClientAuth)
		}
	}
	switch c.Authentication {
	case TLSClientAuth:
		m.exactlyOne(certificateNames()...)
		forbidCredentials(m, c.Authentication+" compares the client's certificate")
	case SelfSignedTLSClientAuth:
		m.need("keys", "%s compares the client's certificate with them", c.Authentication)
		forbidCredentials(m, c.Authentication+" compares the client's certificate")
	case PrivateKeyJWT, ClientSecretJWT:
		m.need("keys", "%s verifies the client's assertions with them", c.Authentication)
		m.forbid("secrets", "%s compares no secrets", c.Authentication)
	case ClientSecretBasic, ClientSecretPost:
		m.need("secrets", "%s compares the client's secret with these hashes", c.Authentication)
		m.forbid("client_assertion", "%s reads no client assertion", c.Authentication)
	case NoAuthentication:
		forbidCredentials(m, "authentication is none")
		m.forbid("introspects", "what a token says is told to nobody who has not proved who asks")
		for _, grant := range []string{ClientCredentials, TokenExchange} {
			if slices.Contains(c.Grants, grant) {
				m.place("grants").fault("has %s, but a client without authentication can only have %s", grant, JWTBearer)
			}
		}
	}
}

// forbidCredentials refuses what other methods compare.
func forbidCredentials(m *mapping, why string) {
	m.forbid("secrets", "%s", why)
	m.forbid("client_assertion", "%s", why)
}

// checkGrants holds a client to the fields that its grants use. An API that only asks about its tokens has none.
func checkGrants(m *mapping, c Client) {
	if !m.has("introspects") {
		m.need("grants", "without one, and without introspects, the client can do nothing")
	}
	if m.has("introspects") && !m.has("grants") {
		for _, name := range []string{"allow", "dpop", "mtls"} {
			m.forbid(name, "the client has no grants, and gets no tokens")
		}
	} else if len(c.Grants) == 0 {
		return // A fault has been reported, and these would only follow from it.
	}
	if c.Authentication == "" {
		return // Likewise.
	}
	if !slices.Contains(c.Grants, TokenExchange) {
		m.forbid("exchange", "the client does not have the grant %s", TokenExchange)
	}
	asserts := slices.Contains(c.Grants, JWTBearer)
	if !asserts {
		m.forbid("assertion", "the client does not have the grant %s", JWTBearer)
	}
	if keysFor(c.Authentication) != anyKeys {
		return // The method needs the keys already.
	}
	if !asserts {
		m.forbid("keys", "nothing that the client may do is verified with them")
	} else if m.has("assertion") {
		m.need("keys", "they verify the assertions that the client makes for itself")
	}
}

// checkRules asks for rules where they can apply: to a client that can get a token on its own word. One that only brings
// what others have gets what the rules of their issuers allow, or, for access tokens of ours, its exchange rules.
func checkRules(m *mapping, c Client) {
	asserts := slices.Contains(c.Grants, JWTBearer)
	onlyBrings := len(c.Grants) > 0 && !slices.Contains(c.Grants, ClientCredentials) && (!asserts || !m.has("keys"))
	switch {
	case m.has("introspects") && !m.has("grants"):
	case !onlyBrings:
		m.need("allow", "no rule, no token")
	case m.has("allow") && !asserts:
		m.place("allow").warn("is never used: the client only exchanges tokens, for which the rules of their issuers decide, or exchange")
	case m.has("allow"):
		m.place("allow").warn("is never used: the client has no keys, so it only brings assertions of issuers, whose rules decide")
	}
}
