// Package config reads the one YAML document that says who may get which token, and hands on a checked [Config].
//
// Every fault of a document is found in one reading and named with its line, so that an operator mends a file once.
// The package knows form: types, ranges, names that must exist elsewhere in the document. What needs another package
// to judge (does this key parse, does this condition compile) is judged where the parts are built, with the [Position]
// that each such value carries. It also knows what the tokens of common providers look like: see [Preset].
//
// It must never give "empty" the meaning "unchecked", and it must never accept a field that it does not know.
package config

import "time"

// Position is a place in the document, for faults that are found after parsing. Its zero value says: not written there.
type Position struct {
	Line     int    // counted from 1
	Path     string // for example clients[0].allow[1].if; empty for the document as a whole
	Document string // the name that the document was loaded under, for example config.yaml
}

// Config is the whole document. A Config that came back without faults satisfies every comment below.
type Config struct {
	Issuer          string        // issuer identifier, https (http only on a loopback host), no query or fragment (RFC 8414 §2)
	SigningKeys     SigningKeys   // the rings of our own keys, which sign access tokens
	AccessTokens    AccessTokens  // what holds for every access token unless a rule or resource says otherwise
	OpaqueTokens    OpaqueTokens  // the keys of tokens that nobody else can read; its zero value: there are none
	ClockSkew       time.Duration // the clock difference that is forgiven; 10 s unless set, 60 s at most
	Profile         string        // ProfileFAPI2, or empty: that holds for every client
	Replay          Replay        // where what was used once is remembered
	DPoP            DPoP          // what holds for every DPoP proof
	StopList        StopList      // who gets nothing any more; its zero value: nobody is stopped
	MutualTLS       MutualTLS     // who says which certificate a client has; its zero value: nobody does
	Metadata        Metadata      // what the metadata say besides what is supported
	Limits          Limits        // how often somebody may fail
	Troubleshooting Troubleshooting
	Resources       []Resource // the APIs that tokens are for; at least one
	Clients         []Client
	Issuers         []Issuer
	// IdentityAssertions are the grants of other authorization servers that this one issues.
	IdentityAssertions []IdentityAssertions
	Warnings           Faults // what is allowed and dangerous: to be logged at start, never a reason to refuse the document
}

// SigningKeys says where our own private keys are. No two rings have their keys in one place, and no two that sign have
// the same algorithm: which of them signs a token follows from the algorithm alone.
type SigningKeys struct {
	KeyRing                       // signs every token, unless a resource names another algorithm; ES256 unless set
	JWKSMaxAge      time.Duration // how long whoever verifies may keep the JWKS; 5 m unless set
	RefreshInterval time.Duration // how long an instance uses its keys before it looks again; 1 m unless set
	Additional      []KeyRing     // more rings, which sign for the resources that name their algorithm, or nothing
}

// Rings returns all rings, the first one first.
func (k SigningKeys) Rings() []KeyRing { return append([]KeyRing{k.KeyRing}, k.Additional...) }

// KeyRing is one key and its history of versions. Exactly one of Secret, Directory and KMS is set.
type KeyRing struct {
	At          Position
	Secret      string // projects/P/secrets/S: each enabled version holds one private key
	Directory   string // a folder of private keys, one a file; relative to the document's own folder
	KMS         string // projects/P/locations/L/keyRings/R/cryptoKeys/K: each enabled version is one private key
	Algorithm   string // the JWS algorithm that tokens are signed with and new keys are made for
	PublicKeys  string // projects/P/secrets/S with the public halves of those in Secret; empty: they are nowhere apart
	PublishOnly bool   // its public keys are in the JWKS, and nothing is signed with it; never at the first ring
}

// KeyRings returns all rings of our own keys: those that sign, the first one first, and that of opaque tokens.
func (c *Config) KeyRings() []KeyRing {
	rings := c.SigningKeys.Rings()
	if c.OpaqueTokens.Secret != "" {
		rings = append(rings, c.OpaqueTokens.Ring())
	}
	return rings
}

// AccessTokens are the defaults for issued tokens.
type AccessTokens struct {
	Lifetime time.Duration // 10 m unless set
}

// Troubleshooting turns on what helps to bring a client up and does not belong in production.
type Troubleshooting struct {
	At       Position
	RecToken bool // echo the verified assertion's claims as rec_token (protocol G9)
}

// Resource is one API that tokens are for.
type Resource struct {
	At           Position
	ID           string              // absolute URI without fragment: the resource parameter and the token's aud (RFC 8707 §2)
	Scopes       []string            // every scope that this API knows; at least one
	AccessTokens ResourceAccessToken // how this API wants its tokens; the zero value is the normal way
	DPoPRequired bool                // dpop: required — this API takes only tokens that are bound to a DPoP key
	MTLSRequired bool                // mtls: required — this API takes only tokens that are bound to a certificate
	StatusList   bool                // its tokens are on the status list, where this API can see which are taken back
}

// ResourceAccessToken is the explicit exception for an API that needs another algorithm than the first ring's, that can
// only verify shared-secret tokens (protocol W2), or whose tokens nobody is to read (protocol W3).
type ResourceAccessToken struct {
	At           Position
	Algorithm    string // that of a ring that signs, or HS256, HS384, HS512; empty: that of the first ring
	SharedSecret string // projects/P/secrets/S, set exactly where Algorithm is HS256, HS384 or HS512
	Opaque       bool   // format: opaque — sealed with OpaqueTokens, which there are then, and with no algorithm of its own
}

// The ways a client can authenticate (RFC 6749 §2.3, OpenID Connect Core §9, RFC 8705 §2).
const (
	PrivateKeyJWT           = "private_key_jwt"
	ClientSecretJWT         = "client_secret_jwt"
	ClientSecretBasic       = "client_secret_basic"
	ClientSecretPost        = "client_secret_post"
	TLSClientAuth           = "tls_client_auth"
	SelfSignedTLSClientAuth = "self_signed_tls_client_auth"
	NoAuthentication        = "none"
)

// The grants that a client can be registered for, by their grant_type values.
const (
	ClientCredentials = "client_credentials"
	JWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	TokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// Client is one registered client.
type Client struct {
	At              Position
	ID              string
	Disabled        bool            // refuse it as if it were unknown
	Profile         string          // ProfileFAPI2, or empty: what holds for the whole server, see Config.FAPI2
	Authentication  string          // exactly one method
	CertificateName CertificateName // whom its certificate must name; set exactly with TLSClientAuth
	DPoPRequired    bool            // dpop: required — it gets only tokens that are bound to a DPoP key
	MTLSRequired    bool            // mtls: required — it gets only tokens that are bound to its certificate
	Keys            Keys            // what verifies its assertions or certificate; with none it can only bring those of others
	Secrets         []SecretHash    // one or two hashes, for client_secret_basic and client_secret_post
	ClientAssertion ClientAssertion // how its client assertions look
	Grants          []string        // grant_type values; at least one, unless it introspects
	Introspects     []string        // the ids of the resources whose tokens it may ask about (RFC 7662); never without authentication
	Assertion       Assertion       // how the grant assertions look that it makes for itself (protocol G2)
	Allow           []Rule
	Exchange        []Rule // what it gets for access tokens of this service that it exchanges; only with TokenExchange
}

// SecretHash is an argon2id (PHC string) or bcrypt hash of a client secret.
type SecretHash struct {
	At   Position
	Hash string
}

// Keys says where somebody else's keys come from. Exactly one of JWKS, PEM, File, Secret, SharedSecret, JWKSURI,
// Discovery and Federation is set, or none where the registration needs no key.
type Keys struct {
	At           Position
	JWKS         []byte     // a JWK Set (RFC 7517 §5) as JSON, however it was written in the document
	PEM          string     // one or more public keys (SPKI, RFC 7468 §13)
	File         string     // a file that holds a JWK Set or PEM; relative to the document's own folder
	Secret       string     // projects/P/secrets/S that holds a JWK Set or PEM
	SharedSecret string     // projects/P/secrets/S, each enabled version of which is an HMAC key (kid: its version number)
	JWKSURI      string     // URL of a JWK Set: https (http only on a loopback host), no fragment, the same for every token
	Discovery    bool       // the issuer's metadata names the JWK Set (OpenID Connect Discovery §4, RFC 8414 §3); issuers only
	Federation   Federation // the keys are those of an entity of a federation, which is found by a trust chain
	Fetching     Fetching   // for JWKSURI and Discovery
	Algorithm    string     // the one algorithm of keys that do not name theirs; for SharedSecret HS256, HS384 or HS512
}

// IsZero reports whether no source of keys is given.
func (k Keys) IsZero() bool {
	return k.JWKS == nil && k.PEM == "" && k.File == "" && k.Secret == "" && k.SharedSecret == "" &&
		k.JWKSURI == "" && !k.Discovery && k.Federation.TrustAnchors == nil
}

// Fetching is what one source of keys needs to be fetched from, beside what holds for all of them (protocol F1).
type Fetching struct {
	CA              string // certificates in PEM, one of which must have issued that of the source; at most one of CA and CAFile
	CAFile          string // a file of them, relative to the document's own folder; with neither, those of the system
	BearerTokenFile string // a file whose content is sent as a bearer token, as Kubernetes API servers ask for; read anew each time
	PrivateNetwork  bool   // the source may have a private address
}

// The entity types of OpenID Federation 1.0 §5.1 whose metadata can have the keys of somebody who asserts.
const (
	OAuthClient              = "oauth_client"
	OpenIDRelyingParty       = "openid_relying_party"
	OAuthAuthorizationServer = "oauth_authorization_server"
	OpenIDProvider           = "openid_provider"
)

// Federation says which trust chains (OpenID Federation 1.0 §4) lead to the keys of the entity that the client's id or
// the issuer's name is the identifier of.
type Federation struct {
	At            Position
	TrustAnchors  []TrustAnchor // where a chain may end; at least one
	EntityType    string        // whose metadata has the keys; OAuthClient for a client and OpenIDProvider for an issuer unless set
	MaxPathLength int           // how many intermediates may stand between the entity and the anchor; 3 unless set, 10 at most
}

// TrustAnchor is an entity that is trusted by its own keys. Exactly one of JWKS, File and Secret is set.
type TrustAnchor struct {
	At     Position
	ID     string // entity identifier: an https URL (http only on a loopback host) without query or fragment
	JWKS   []byte // as in Keys
	File   string // a file that holds a JWK Set; relative to the document's own folder
	Secret string // projects/P/secrets/S that holds a JWK Set
}

// ClientAssertion bounds the assertions that a client authenticates with (RFC 7523 §2.2).
type ClientAssertion struct {
	At          Position
	MaxLifetime time.Duration // how far ahead exp may be without an exception; 10 m unless set to less
	Exceptions  []Exception   // another audience than the issuer identifier (protocol C4), a longer lifetime, no jti
}

// Assertion bounds the assertions of a JWT authorization grant (RFC 7523 §2.1).
type Assertion struct {
	At                Position
	Audiences         []string      // accepted besides the issuer identifier and the token endpoint URL (protocol G4)
	Types             []string      // explicit typ values accepted besides JWT
	MaxLifetime       time.Duration // how far ahead exp may be without an exception; 1 h, or what the preset says, unless set to less
	JTIRequired       bool          // jti: required, or optional with an end
	Reusable          bool          // jti: reusable — good until it expires, also with a jti; never with JTIRequired
	SubjectFromIssuer bool          // subject: issuer — the assertion has no sub and its iss is the subject (protocol G3)
	ScopeFromClaim    bool          // scope: claim — the request's scope is in the assertion, not in the form
	Exceptions        []Exception   // audiences with an end, a longer lifetime, no jti until a day
}

// Exception is one thing in which an assertion may be weaker than the strict rule, for ever or through a day. Exactly one
// of Audience, MaxLifetime and JTIOptional is set.
//
// An Audience is accepted beside the others, so that a client can change before the end. Where it is a client's and has
// no end, it is accepted in place of the issuer identifier (protocol C4).
type Exception struct {
	At          Position
	Name        string        // what the log calls it: client_assertion.jti, assertion.audiences[0] and so on
	Until       time.Time     // the last day on which it holds, as its first moment in UTC; zero: it has no end
	Audience    string        // this aud is accepted
	MaxLifetime time.Duration // exp may be so far ahead
	JTIOptional bool          // jti may be absent
}

// What the request of a JWT authorization grant must say of its client (protocol G1).
const (
	ClientNotNeeded     = "optional"      // it may identify or authenticate a client, or none
	ClientIdentified    = "identified"    // client_id at least
	ClientAuthenticated = "authenticated" // client authentication
)

// Issuer is somebody who may vouch for others with a JWT authorization grant. What its Preset knows of it is filled in.
type Issuer struct {
	At          Position
	Profile     string // ProfileIDJAG, or empty: its assertions are those of RFC 7523
	Preset      string // the name of a Preset; empty: nothing is known of its tokens but what the document says
	Issuer      string // compared with iss, character by character
	TrustDomain string // of the SPIFFE IDs that it may vouch for; set exactly with the preset spiffe
	Disabled    bool   // refuse it as if it were unknown
	Keys        Keys
	Assertion   Assertion  // written flat in the document
	Client      string     // ClientNotNeeded unless set
	ClaimTypes  ClaimTypes // every claim that rules can look at, the registered ones among them; nil: any claim, of any type
	Allow       []Rule
}

// ClaimTypes are the types of claims by their names. A name that ends in * stands for every other name that begins so.
type ClaimTypes map[string]ClaimType

// ClaimType is the type of one claim, or of a member of one. Exactly one of Name and Members is set.
type ClaimType struct {
	At      Position
	Name    string     // as CEL writes it: string, bool, int, double or dyn, or list(T) or map(string, T) of one of these
	Members ClaimTypes // of an object
}

// Expression is CEL source.
type Expression struct {
	At   Position
	Text string // empty: not given
}

// Rule allows one thing. No matching rule, no token.
type Rule struct {
	At                   Position              // its path, for example clients[0].allow[1], is what the log calls the rule
	Disabled             bool                  // as if it were not written, whatever its mode
	Shadow               bool                  // mode: audit — it decides nothing, and the log says what it would
	If                   Expression            // bool over claims; not given: matches always
	Require              []Requirement         // what must hold besides: the conditions of the issuer's preset
	Subject              Expression            // string over claims; not given: the sub (or, where the trust says so, the iss)
	Resource             string                // a Resource's ID
	Scopes               []string              // what may be granted; each is one of the resource's
	DefaultScopes        []string              // granted where none is requested; Scopes unless set, and always within them
	Lifetime             time.Duration         // AccessTokens.Lifetime unless set
	Narrow               bool                  // grant the allowed part of the requested scope instead of refusing the rest
	ExpiresWithAssertion bool                  // the token ends no later than the assertion (protocol S3)
	Claims               map[string]Expression // copied into the token, by claim name; never a reserved one
}

// Requirement is a condition that a preset adds to a rule. No document can take it away.
type Requirement struct {
	Condition string // CEL, bool over claims
	Reason    string // what holds where it does, for example: the e-mail address is verified
}
