// Package federation finds the keys of a party in the trust chain that it sends along (OpenID Federation 1.0 §4.3):
// entity statements, each signed by the superior of its subject, up to a trust anchor whose keys are registered here.
//
// [Keys] is what a party has instead of registered keys: which entity it is, and which anchors may vouch for it. The
// chain is in the trust_chain header of its assertion, so that nothing is ever fetched. A chain is good if every
// statement in it is, if every link is signed, if every constraint holds, and if the metadata policies of all superiors
// can be merged and obeyed (§3.2, §6, §10.2); then the jwks in the metadata of the one registered entity type are the
// party's keys. What cannot be told from the chain alone, such as a jwks_uri, is refused.
//
// It must never take a key from a chain before all of it holds, nor a key for entity statements (the jwks claim beside
// the metadata) as one for assertions (§3.1).
package federation

import "example.com/countersign/internal/jose"

// Fault is one way in which a trust chain is refused.
type Fault = jose.Fault

// The ways in which a trust chain is refused, besides jose.ErrNoTrustChain and jose.ErrTrustChain.
var (
	ErrStatement = &Fault{Reason: "trust_chain_statement", Sentence: "trust_chain has a statement that is no JWT, or whose header is not that of an entity statement (typ, kid, no trust_chain)"}
	ErrClaims    = &Fault{Reason: "trust_chain_claims", Sentence: "trust_chain has a statement in which a claim is missing, is not of its type, or does not belong"}
	ErrCritical  = &Fault{Reason: "trust_chain_crit", Sentence: "trust_chain has a statement with crit or metadata_policy_crit, and this server knows no extension"}
	ErrOrder     = &Fault{Reason: "trust_chain_order", Sentence: "trust_chain is not the statements of an entity, its superiors and their trust anchor in this order"}
	ErrLoop      = &Fault{Reason: "trust_chain_loop", Sentence: "trust_chain goes through one entity twice"}
	ErrEntity    = &Fault{Reason: "trust_chain_entity", Sentence: "trust_chain or iss is not about the expected entity"}
	ErrAnchor    = &Fault{Reason: "trust_chain_anchor", Sentence: "trust_chain does not end at a trust anchor of this server"}
	ErrHints     = &Fault{Reason: "trust_chain_authority_hints", Sentence: "trust_chain has a superior that is not in the authority_hints of the entity"}
	ErrExpired   = &Fault{Reason: "trust_chain_expired", Sentence: "trust_chain has a statement whose exp has passed"}
	ErrNotYet    = &Fault{Reason: "trust_chain_not_yet_valid", Sentence: "trust_chain has a statement whose iat or nbf is in the future"}
	ErrSignature = &Fault{Reason: "trust_chain_signature", Sentence: "trust_chain has a statement that none of the keys of its issuer signed"}

	ErrLength     = &Fault{Reason: "trust_chain_length", Sentence: "trust_chain goes through more superiors than are allowed"}
	ErrNaming     = &Fault{Reason: "trust_chain_naming", Sentence: "trust_chain has an entity whose name a superior does not allow"}
	ErrEntityType = &Fault{Reason: "trust_chain_entity_type", Sentence: "trust_chain has no metadata of the expected entity type, or a superior does not allow it"}

	ErrPolicyForm     = &Fault{Reason: "trust_chain_policy_form", Sentence: "trust_chain has a metadata policy with an operator whose value is not of its type"}
	ErrPolicyConflict = &Fault{Reason: "trust_chain_policy_conflict", Sentence: "trust_chain has metadata policies with operators that do not agree"}
	ErrPolicyBroken   = &Fault{Reason: "trust_chain_policy_broken", Sentence: "trust_chain has metadata that does not obey the metadata policy"}

	ErrKeys          = &Fault{Reason: "trust_chain_keys", Sentence: "trust_chain has a jwks with no usable key, or with two keys of one kid"}
	ErrPrivateKey    = &Fault{Reason: "trust_chain_private_key", Sentence: "trust_chain has a jwks with a private or symmetric key in it"}
	ErrKeysElsewhere = &Fault{Reason: "trust_chain_jwks_uri", Sentence: "trust_chain leads to metadata with jwks_uri or signed_jwks_uri; this server fetches neither and needs jwks"}
	ErrKeysMissing   = &Fault{Reason: "trust_chain_jwks_missing", Sentence: "trust_chain leads to metadata without jwks"}
)
