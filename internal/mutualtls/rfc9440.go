package mutualtls

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"strings"
)

// Bounds on what is parsed. Google's load balancer sends nothing that is larger than 16 KiB, and no chain of more than
// ten; a larger key makes each signature by it expensive to verify (protocol A3).
const (
	maxText         = 24 << 10 // bytes, in all fields of a header: 16 KiB in base64, and what stands between
	maxCertificates = 10       // in a header
	maxRSA          = 8192     // bits
)

// parse reads a list of certificates, which may be spread over several fields (RFC 9440 §2.1, §2.3; RFC 8941 §3.1,
// §3.3.5). Fields that are all empty are an empty list.
func parse(fields []string) ([]*x509.Certificate, error) {
	text := strings.Join(fields, ",")
	if len(text) > maxText {
		return nil, ErrSize
	}
	if strings.Join(fields, "") == "" {
		return nil, nil
	}
	if strings.Count(text, ",") >= maxCertificates {
		return nil, ErrSize
	}
	var certificates []*x509.Certificate
	for item := range strings.SplitSeq(text, ",") {
		certificate, err := parseItem(strings.Trim(item, " \t"))
		if err != nil {
			return nil, err
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

// parseItem reads one certificate: DER as a Byte Sequence, which is base64 between colons. RFC 8941 §4.2.7 lets a
// reader forgive what is not canonical; nobody who writes this header needs that.
func parseItem(item string) (*x509.Certificate, error) {
	encoded, opened := strings.CutPrefix(item, ":")
	encoded, closed := strings.CutSuffix(encoded, ":")
	if !opened || !closed || strings.ContainsAny(encoded, "\r\n") { // which the decoder would skip
		return nil, ErrForm
	}
	der, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, ErrForm
	}
	certificate, err := x509.ParseCertificate(der) // which refuses bytes behind it
	if err != nil {
		return nil, ErrForm
	}
	if key, is := certificate.PublicKey.(*rsa.PublicKey); is && key.N.BitLen() > maxRSA {
		return nil, ErrSize
	}
	return certificate, nil
}
