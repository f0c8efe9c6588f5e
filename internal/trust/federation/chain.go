package federation

import (
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
)

// A chain is a trust chain (§4): what an entity says of itself, what its superiors say, and perhaps what the trust
// anchor says of itself, which may be left out.
type chain struct {
	own       statement   // the entity's
	superiors []statement // each about the one below, the first about the entity, the last by the anchor; at least one
	anchor    []statement // the anchor's about itself; none, or one
}

// parseChain puts statements into their places. The error is a *Fault.
func parseChain(texts []string) (chain, error) {
	statements := make([]statement, len(texts))
	for i, text := range texts {
		var err error
		if statements[i], err = parseStatement(text); err != nil {
			return chain{}, fmt.Errorf("statement %d: %w", i, err)
		}
	}
	above := statements[1:]
	c := chain{own: statements[0], superiors: above}
	if last := len(above) - 1; last > 0 && above[last].isConfiguration() {
		c.superiors, c.anchor = above[:last], above[last:]
	}
	if !c.own.isConfiguration() || len(c.superiors) == 0 || slices.ContainsFunc(c.superiors, statement.isConfiguration) {
		return chain{}, ErrOrder
	}
	if err := c.checkLinks(); err != nil {
		return chain{}, err
	}
	return c, nil
}

// checkLinks holds that each statement is about the issuer of the one before it (§4, §10.2), that no entity is there
// twice (§17.1), and that the entity knows its superior (§3.2). The superiors' own authority_hints are in statements
// that are no part of a chain.
func (c chain) checkLinks() error {
	entity := c.own.subject
	seen := map[string]bool{}
	for _, superior := range c.superiors {
		if superior.subject != entity {
			return ErrOrder
		}
		seen[entity] = true
		entity = superior.issuer
		if seen[entity] {
			return ErrLoop
		}
	}
	for _, anchor := range c.anchor {
		if anchor.subject != entity {
			return ErrOrder
		}
	}
	if !slices.Contains(c.own.hints, c.superiors[0].issuer) {
		return ErrHints
	}
	return nil
}

// top returns the entity that the chain ends at.
func (c chain) top() string { return c.superiors[len(c.superiors)-1].issuer }

// intermediates returns how many entities there are between the anchor and the entity.
func (c chain) intermediates() int { return len(c.superiors) - 1 }

// all returns every statement.
func (c chain) all() []statement {
	return slices.Concat([]statement{c.own}, c.superiors, c.anchor)
}

// checkTimes holds that every statement is good at the time, with the clock difference that is forgiven.
func (c chain) checkTimes(now time.Time, skew time.Duration) error {
	for _, s := range c.all() {
		switch {
		case !now.Before(s.expiresAt.Add(skew)):
			return ErrExpired
		case s.issuedAt.After(now.Add(skew)), s.notBefore.After(now.Add(skew)):
			return ErrNotYet
		}
	}
	return nil
}

// expiresAt returns when the first of the statements expires (§10.4).
func (c chain) expiresAt() time.Time {
	return slices.MinFunc(c.all(), func(a, b statement) int { return a.expiresAt.Compare(b.expiresAt) }).expiresAt
}

// verify checks every signature, from the anchor down: no key is even read from a statement before the one above it has
// vouched for it. A statement is signed by its issuer, whose keys are in the statement above (§4). The anchor's are the
// registered ones, whatever the chain says of them; where the anchor's statement about itself is there, what the anchor
// signs must agree with that too. rsa is as in Config.
func (c chain) verify(registered jose.KeySet, rsa jose.Algorithm) error {
	issuer := []jose.KeySet{registered}
	for _, anchor := range c.anchor {
		own, err := anchor.verify(issuer, rsa)
		if err != nil {
			return err
		}
		issuer = append(issuer, own)
	}
	for _, superior := range slices.Backward(c.superiors) {
		subject, err := superior.verify(issuer, rsa)
		if err != nil {
			return err
		}
		issuer = []jose.KeySet{subject}
	}
	_, err := c.own.verify(issuer, rsa)
	return err
}

// verify returns the keys of the subject after each set of the issuer's keys has verified the statement. What an entity
// says of itself must be signed with one of these keys, too (§4).
func (s statement) verify(issuer []jose.KeySet, rsa jose.Algorithm) (jose.KeySet, error) {
	for _, keys := range issuer {
		if err := s.checkSignature(keys); err != nil {
			return nil, err
		}
	}
	keys, err := publicKeys(s.keys, rsa)
	if err != nil {
		return nil, err
	}
	if s.isConfiguration() {
		if err := s.checkSignature(keys); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// checkSignature finds the key by the kid that every statement has (§3.2).
func (s statement) checkSignature(keys jose.KeySet) error {
	key, err := keys.Find(s.token)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if _, err := s.token.Verify(key); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}
