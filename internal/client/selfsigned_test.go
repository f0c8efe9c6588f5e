package client_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"example.com/countersign/internal/client"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/trust"
)

// RFC 8705 §2.2.
func TestM2_a_self_signed_certificate_is_of_a_registered_key(t *testing.T) {
	own, other := selfSigned(t, "TEST client"), selfSigned(t, "TEST client")
	r := registered(t, nil, keyed(t, "batch", own))
	proves(t, r, "batch", chain(own))
	proves(t, r, "batch", chain(own, other)) // what else is shown says nothing
	denied(t, r, "batch", "certificate_key", chain(other))
	denied(t, r, "batch", "certificate_key", chain(other, own))
	denied(t, r, "batch", "certificate_missing", nil)
}

// The key is registered, so a certificate can be renewed, and whatever it says of names counts for nothing.
func TestM2_another_certificate_of_a_registered_key_is_as_good(t *testing.T) {
	own, root := selfSigned(t, "TEST client"), newRoot(t, "TEST root")
	r := registered(t, nil, keyed(t, "batch", own))
	proves(t, r, "batch", chain(sign(t, template("TEST other name", hasDNS("other.example.com")), own.key, nil)))
	proves(t, r, "batch", chain(sign(t, template("TEST client"), own.key, &root)))
	proves(t, r, "batch", chain(sign(t, template("TEST client", func(c *x509.Certificate) { c.ExtKeyUsage = nil }), own.key, nil)))
}

func TestM2_a_certificate_that_is_trusted_is_no_registered_key(t *testing.T) {
	root, own := newRoot(t, "TEST root"), selfSigned(t, "TEST client")
	r := registered(t, []party{root}, keyed(t, "batch", own), named("portal", dn("CN=TEST client")))
	denied(t, r, "batch", "certificate_key", chain(root.issues(t, "TEST client")))
	denied(t, r, "batch", "certificate_key", chain(root))
	denied(t, r, "portal", "certificate_untrusted", chain(own))
	denied(t, r, "portal", "certificate_untrusted", chain(own, root))
}

func TestM2_a_self_signed_certificate_is_valid_for_its_time_only(t *testing.T) {
	own := selfSigned(t, "TEST client")
	r := registered(t, nil, keyed(t, "batch", own))
	at := func(from, to time.Duration) []*x509.Certificate {
		return chain(sign(t, template("TEST client", lives(from, to)), own.key, nil))
	}
	proves(t, r, "batch", at(0, time.Hour))
	proves(t, r, "batch", at(-time.Hour, 0))
	proves(t, r, "batch", at(0, 0))
	denied(t, r, "batch", "certificate_expired", at(-time.Hour, -time.Second))
	denied(t, r, "batch", "certificate_expired", at(time.Second, time.Hour))
	denied(t, r, "batch", "certificate_expired", at(time.Hour, -time.Hour))
}

func TestM2_two_keys_are_registered_at_once_so_that_one_can_change(t *testing.T) {
	old, next := selfSigned(t, "TEST old"), selfSigned(t, "TEST next")
	r := registered(t, nil, keyed(t, "batch", old, next))
	proves(t, r, "batch", chain(old))
	proves(t, r, "batch", chain(next))
}

func TestM2_a_key_of_one_client_is_not_good_for_another(t *testing.T) {
	batch, portal := selfSigned(t, "TEST batch"), selfSigned(t, "TEST portal")
	r := registered(t, nil, keyed(t, "batch", batch), keyed(t, "portal", portal))
	proves(t, r, "batch", chain(batch))
	proves(t, r, "portal", chain(portal))
	denied(t, r, "batch", "certificate_key", chain(portal))
	denied(t, r, "portal", "certificate_key", chain(batch))
}

func TestM2_a_self_signed_certificate_can_be_of_any_usual_key(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	usual, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	for _, key := range []crypto.Signer{ed, usual} {
		own := sign(t, template("TEST client"), key, nil)
		proves(t, registered(t, nil, keyed(t, "batch", own)), "batch", chain(own))
	}
}

func TestM2_a_certificate_of_a_key_that_cannot_be_registered_is_refused(t *testing.T) {
	root, own := newRoot(t, "TEST root"), selfSigned(t, "TEST client")
	r := registered(t, nil, keyed(t, "batch", own))
	der, err := x509.CreateCertificate(rand.Reader, template("TEST P-224"), root.Certificate, onCurve(t, elliptic.P224()), root.key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	denied(t, r, "batch", "certificate_key", []*x509.Certificate{certificate})
}

// Protocol T7: whether the key is registered cannot be found out, which is no fault of the client.
func TestT7_keys_that_cannot_be_had_decide_nothing(t *testing.T) {
	own, down := selfSigned(t, "TEST client"), errors.New("down")
	keys, err := trust.NewLoaded(trust.LoadedConfig{
		Load: func(context.Context) (jose.KeySet, error) { return nil, down }, Now: func() time.Time { return noon },
	})
	must(t, err)
	r := registered(t, nil, &client.Registration{ID: "batch", Method: oauth.SelfSignedTLSClientAuth, Keys: keys})
	_, err = present(t, r, chain(own), "client_id", "batch")
	refusal, is := errors.AsType[*oauth.Error](err)
	if !is || refusal.Code != oauth.TemporarilyUnavailable || refusal.Reason != "client_keys_unavailable" || refusal.Cause == nil {
		t.Errorf("%v", err)
	}
	denied(t, r, "batch", "certificate_missing", nil)
	denied(t, r, "batch", "certificate_expired", chain(selfSigned(t, "TEST client", lives(-time.Hour, -time.Minute))))
}
