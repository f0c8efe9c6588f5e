package gcp

import (
	"cmp"
	"errors"
	"hash/crc32"
	"strings"

	"example.com/countersign/internal/keys"
)

// parallelReads bounds how many versions of one secret or key are read at a time. A ring has two or three enabled ones;
// the bound is for the history that somebody forgot to clean up, so that it does not spend the project's quota at once.
const parallelReads = 4

// versionNumber returns the number of a version from its full name, in which it follows the collection ("/versions/").
// Secret Manager's names carry the project's number where ours has its ID, so that a name from its answers is never
// compared with, or used in place of, the configured one.
func versionNumber(name, collection string) (string, error) {
	_, number, found := strings.Cut(name, collection)
	if !found || !isVersionNumber(number) {
		return "", errors.New("the answer has a version without a number")
	}
	return number, nil
}

// isVersionNumber refuses aliases with everything else: what "latest" stands for changes between two calls.
func isVersionNumber(text string) bool {
	return text != "" && text[0] != '0' && strings.Trim(text, "0123456789") == ""
}

// byNumber orders versions by number, the oldest first. The numbers have no leading zeros, so the shorter one is the
// smaller one.
func byNumber(a, b keys.Version) int {
	return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), strings.Compare(a.ID, b.ID))
}

// checksum is CRC32C, as the int64 that Google carries it in.
func checksum(data []byte) int64 {
	return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
}
