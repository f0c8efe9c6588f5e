// Package statuslist tells APIs which access tokens have been taken back without being asked about each: the Token Status
// List (draft-ietf-oauth-status-list-21; the sections named here are those of that draft).
//
// [Refer] gives a token its place on the list, and a [Publisher] signs the list. There is one, with one bit for each place:
// 1 is INVALID (§7.1). The place follows from the token's jti, so that no instance has to remember which it has given out
// and all have the same list. Two tokens can so come to have one place, which the draft wants prevented (§13.3): then one
// looks taken back with the other. With n tokens on the list that happens to one in Size/n of the others.
//
// It must never sign a list that it does not know, or show a token as valid that is on it.
package statuslist

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
)

// Size is how many places the list has: 128 KiB of bits, of which few are set, and so less than 1 KiB when compressed.
const Size = 1 << 20

// Type is the typ of the list (§5.1), and its media type below application/ (§8.2).
const Type = "statuslist+jwt"

// Reference is the status claim of a token (§6.2).
type Reference struct {
	List struct {
		Index int    `json:"idx"`
		URI   string `json:"uri"`
	} `json:"status_list"`
}

// Refer returns where the status of the token with this jti is, on the list at uri.
func Refer(uri, id string) (r Reference) {
	r.List.Index, r.List.URI = Index(uri, id), uri
	return r
}

// Index returns the place of the token with this jti on the list at uri. It is no secret, since the token itself says it,
// and nobody can choose it: this server makes each jti at random. The hash only spreads them, and differently on each list.
func Index(uri, id string) int {
	sum := sha256.Sum256([]byte("countersign status list\x00" + uri + "\x00" + id))
	return int(binary.BigEndian.Uint64(sum[:8]) % Size)
}

// compress returns lst (§4.1, §4.2): the bits, the least significant of each byte first, by zlib in base64url.
func compress(set []int) (string, error) {
	array := make([]byte, Size/8)
	for _, index := range set {
		array[index/8] |= 1 << (index % 8)
	}
	var compressed bytes.Buffer
	writer, err := zlib.NewWriterLevel(&compressed, zlib.BestCompression)
	if err != nil {
		return "", fmt.Errorf("compressing the status list: %w", err)
	}
	if _, err := writer.Write(array); err != nil {
		return "", fmt.Errorf("compressing the status list: %w", err)
	}
	if err := writer.Close(); err != nil {
		return "", fmt.Errorf("compressing the status list: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(compressed.Bytes()), nil
}
