package dpop

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
)

// Claims are what a proof says (RFC 9449 §4.2).
type Claims struct {
	ID          string    // jti; empty: a random one
	Method      string    // htm
	URL         string    // htu; its query and fragment are left out
	IssuedAt    time.Time // iat
	AccessToken string    // ath is its hash; empty: no ath, as at the token endpoint
	Nonce       string    // nonce, the last one that the server gave; empty: none
}

// Sign makes a proof that its sender has key.
func Sign(key jose.SigningKey, claims Claims) (string, error) {
	if claims.Method == "" || claims.URL == "" || claims.IssuedAt.IsZero() {
		return "", errors.New("dpop: a proof needs a method, a URL and a time")
	}
	content := struct {
		ID       string `json:"jti"`
		Method   string `json:"htm"`
		URL      string `json:"htu"`
		IssuedAt int64  `json:"iat"`
		Hash     string `json:"ath,omitempty"`
		Nonce    string `json:"nonce,omitempty"`
	}{ID: claims.ID, Method: claims.Method, URL: claims.URL, IssuedAt: claims.IssuedAt.Unix(), Nonce: claims.Nonce}
	if content.ID == "" {
		content.ID = rand.Text()
	}
	if end := strings.IndexAny(content.URL, "?#"); end >= 0 {
		content.URL = content.URL[:end]
	}
	if claims.AccessToken != "" {
		content.Hash = hashOf(claims.AccessToken)
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encoding a proof: %w", err)
	}
	proof, err := key.SignProof(proofType, encoded)
	if err != nil {
		return "", fmt.Errorf("signing a proof: %w", err)
	}
	return proof, nil
}
