package jose_test

import (
	"regexp"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// Protocol T6: what a caller may read is plain ASCII without quotation marks and backslashes, and each fault has its own
// reason for the audit log.
func TestT6_sentences_can_stand_in_error_description(t *testing.T) {
	faults := append([]*jose.Fault{
		jose.ErrTooLong, jose.ErrEncrypted, jose.ErrCompact, jose.ErrHeader, jose.ErrCritical, jose.ErrUnencoded, jose.ErrNested,
		jose.ErrAlgorithm, jose.ErrClaimType, jose.ErrJSON, jose.ErrSignature, jose.ErrNoKey, jose.ErrKeyNotDefinite,
		jose.ErrNoTrustChain, jose.ErrTrustChain, jose.ErrNoProofKey, jose.ErrProofKeyAlgorithm,
	}, keyFaults...)
	description := regexp.MustCompile(`\A[\x20-\x21\x23-\x5B\x5D-\x7E]{10,250}\z`) // RFC 6749 §5.2
	reason := regexp.MustCompile(`\A[a-z0-9]+(?:_[a-z0-9]+)*\z`)
	seen := map[string]bool{}
	for _, fault := range faults {
		if !description.MatchString(fault.Sentence) || strings.HasSuffix(fault.Sentence, ".") || fault.Error() != fault.Sentence {
			t.Errorf("sentence %q", fault.Sentence)
		}
		if !reason.MatchString(fault.Reason) || seen[fault.Reason] {
			t.Errorf("reason %q", fault.Reason)
		}
		seen[fault.Reason] = true
	}
}
