package oauth

// IDJAGType is the typ of an identity assertion JWT authorization grant
// (draft-ietf-oauth-identity-assertion-authz-grant §3.1), as types are compared. A trust in these accepts no other, and no
// other trust accepts it.
const IDJAGType = "oauth-id-jag+jwt"

// TypeIDJAG is its token type identifier, where one is exchanged for (draft §4.3).
const TypeIDJAG = "urn:ietf:params:oauth:token-type:id-jag"

// TokenTypeNone is the token_type of what is no access token (RFC 8693 §2.2.1).
const TokenTypeNone = "N_A"
