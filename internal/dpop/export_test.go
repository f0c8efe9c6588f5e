package dpop

import "context"

// Normalise is what both sides of the comparison of htu go through.
var Normalise = normalise

// Knows reports whether a proof with this nonce is accepted.
func (n *Nonces) Knows(ctx context.Context, nonce string) (bool, error) { return n.knows(ctx, nonce) }
