package client_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
	"time"

	"example.com/countersign/internal/client"
)

// host is the name in the certificate of a client in these tests.
const host = "batch.example.com"

func hostName(c *x509.Certificate) { c.DNSNames = []string{host} }

// issuing is an authority, and a registry that trusts it in the certificates of the client batch.
func issuing(t testing.TB, changes ...change) (party, *client.Registry) {
	t.Helper()
	root := newRoot(t, "TEST root", changes...)
	return root, registered(t, []party{root}, named("batch", client.CertificateName{SANDNS: host}))
}

// RFC 8705 §2.1: the chain is verified here, whatever the proxy has verified.
func TestM2_a_certificate_leads_to_an_authority_of_the_configuration(t *testing.T) {
	root, r := issuing(t)
	own := root.issues(t, "TEST client", hostName)
	proves(t, r, "batch", chain(own))
	proves(t, r, "batch", chain(own, root)) // TLS lets a client send it

	one := root.appoints(t, "TEST intermediate")
	two := one.appoints(t, "TEST intermediate below")
	below := two.issues(t, "TEST client", hostName)
	proves(t, r, "batch", chain(below, two, one))
	proves(t, r, "batch", chain(below, one, two)) // RFC 8446 §4.4.2: others may be in any order
	proves(t, r, "batch", chain(below, newRoot(t, "TEST bystander"), two, one, root))
	denied(t, r, "batch", "certificate_untrusted", chain(below))
	denied(t, r, "batch", "certificate_untrusted", chain(below, two))
	denied(t, r, "batch", "certificate_untrusted", chain(below, one))
	denied(t, r, "batch", "certificate_name", chain(two, one, below)) // the first is the client's, and the rest say nothing of it
	denied(t, r, "batch", "certificate_missing", nil)
}

// RFC 8705 §7.3: whoever can have a certificate with any name from any authority must gain nothing by it.
func TestM2_a_certificate_with_the_right_name_of_another_authority_is_refused(t *testing.T) {
	root, r := issuing(t)
	double := newRoot(t, "TEST root")                 // with the name of the authority
	public := newRoot(t, "TEST root of another kind") // that issues to whoever asks
	unlucky := public.appoints(t, "TEST root", func(c *x509.Certificate) { c.SubjectKeyId = root.SubjectKeyId })
	deputy := root.issues(t, "TEST client that issues", hostName) // who is no authority
	for name, certificates := range map[string][]*x509.Certificate{
		"of its own making":                          chain(selfSigned(t, "TEST client", hostName)),
		"of its own making, as an authority":         chain(newRoot(t, "TEST client", hostName)),
		"another authority":                          chain(public.issues(t, "TEST client", hostName)),
		"another authority, shown along":             chain(public.issues(t, "TEST client", hostName), public),
		"another authority of the same name":         chain(double.issues(t, "TEST client", hostName), double),
		"another of the same name and key id":        chain(unlucky.issues(t, "TEST client", hostName), unlucky, public),
		"another, and the right one shown along":     chain(public.issues(t, "TEST client", hostName), public, root),
		"a client that issues":                       chain(deputy.issues(t, "TEST client", hostName), deputy),
		"an authority of its own making, for itself": chain(double),
	} {
		t.Run(name, func(t *testing.T) { denied(t, r, "batch", "certificate_untrusted", certificates) })
	}
}

// Without roots of our own package x509 takes those of the machine.
func TestM2_the_authorities_of_the_machine_are_never_trusted(t *testing.T) {
	own := selfSigned(t, "TEST client", hostName)
	for name, roots := range map[string]*x509.CertPool{"none": nil, "an empty set": x509.NewCertPool()} {
		c := config(t, nil, named("batch", client.CertificateName{SANDNS: host}))
		c.Roots = roots
		if r, err := client.New(c); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	denied(t, registered(t, nil, keyed(t, "batch", own)), "nobody", "client_unknown", chain(own))
}

func TestM2_a_chain_that_does_not_hold_is_refused(t *testing.T) {
	root, r := issuing(t)
	usage := func(usages ...x509.ExtKeyUsage) change { return func(c *x509.Certificate) { c.ExtKeyUsage = usages } }
	notSigning := func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature }
	noAuthority := func(c *x509.Certificate) { c.IsCA = false }
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 32473, 1}, Critical: true, Value: []byte{5, 0}}}
	}
	forOthers := func(c *x509.Certificate) {
		c.PermittedDNSDomainsCritical, c.PermittedDNSDomains = true, []string{"other.example.com"}
	}
	notForThis := func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"example.com"} }
	lastOne := func(c *x509.Certificate) { c.MaxPathLenZero = true }
	below := func(changes ...change) []*x509.Certificate {
		intermediate := root.appoints(t, "TEST intermediate", changes...)
		return chain(intermediate.issues(t, "TEST client", hostName), intermediate)
	}
	last := root.appoints(t, "TEST last", lastOne)
	afterLast := last.appoints(t, "TEST after the last")
	damaged := root.issues(t, "TEST client", hostName)
	damaged.Signature = slices.Clone(damaged.Signature)
	damaged.Signature[len(damaged.Signature)-1] ^= 1
	const untrusted = "certificate_untrusted"
	for name, test := range map[string]struct {
		reason       string
		certificates []*x509.Certificate
	}{
		"its signature is damaged":                    {untrusted, chain(damaged)},
		"it is for servers":                           {untrusted, chain(root.issues(t, "TEST client", hostName, usage(x509.ExtKeyUsageServerAuth)))},
		"it is for code and mail":                     {untrusted, chain(root.issues(t, "TEST client", hostName, usage(x509.ExtKeyUsageCodeSigning, x509.ExtKeyUsageEmailProtection)))},
		"it has an unknown critical extension":        {untrusted, chain(root.issues(t, "TEST client", hostName, critical))},
		"an authority may not sign certificates":      {untrusted, below(notSigning)},
		"an authority is none":                        {untrusted, below(noAuthority)},
		"an authority is for servers":                 {untrusted, below(usage(x509.ExtKeyUsageServerAuth))},
		"an authority is for other names":             {untrusted, below(forOthers)},
		"an authority is not for this name":           {untrusted, below(notForThis)},
		"an authority has an unknown extension":       {untrusted, below(critical)},
		"an authority may not appoint":                {untrusted, chain(afterLast.issues(t, "TEST client", hostName), afterLast, last)},
		"it has expired":                              {"certificate_expired", chain(root.issues(t, "TEST client", hostName, lives(-time.Hour, -time.Second)))},
		"it is not valid yet":                         {"certificate_expired", chain(root.issues(t, "TEST client", hostName, lives(time.Second, time.Hour)))},
		"it was never valid":                          {"certificate_expired", chain(root.issues(t, "TEST client", hostName, lives(time.Hour, -time.Hour)))},
		"an authority has expired":                    {"certificate_expired", below(lives(-time.Hour, -time.Second))},
		"an authority is not valid yet":               {"certificate_expired", below(lives(time.Second, time.Hour))},
		"it has expired, and it is another authority": {"certificate_expired", chain(newRoot(t, "TEST other").issues(t, "TEST client", hostName, lives(-time.Hour, -time.Second)))},
	} {
		t.Run(name, func(t *testing.T) { denied(t, r, "batch", test.reason, test.certificates) })
	}
	for name, certificates := range map[string][]*x509.Certificate{
		"it is for clients and servers":      chain(root.issues(t, "TEST client", hostName, usage(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth))),
		"it is for anything":                 chain(root.issues(t, "TEST client", hostName, usage(x509.ExtKeyUsageAny))),
		"it says nothing of its use":         chain(root.issues(t, "TEST client", hostName, usage())), // RFC 5280 §4.2.1.12
		"the last authority":                 chain(last.issues(t, "TEST client", hostName), last),
		"an authority for clients":           below(usage(x509.ExtKeyUsageClientAuth)),
		"an authority for names as this one": below(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.com"} }),
		// RFC 5280 §4.1.2.5: both ends belong to the period.
		"its first second": chain(root.issues(t, "TEST client", hostName, lives(0, time.Hour))),
		"its last second":  chain(root.issues(t, "TEST client", hostName, lives(-time.Hour, 0))),
	} {
		t.Run(name, func(t *testing.T) { proves(t, r, "batch", certificates) })
	}
}

func TestM2_an_authority_that_has_expired_vouches_for_nobody(t *testing.T) {
	root, r := issuing(t, lives(-time.Hour, -time.Minute))
	denied(t, r, "batch", "certificate_expired", chain(root.issues(t, "TEST client", hostName)))
}

func TestM2_two_authorities_are_good_at_once_so_that_one_can_change(t *testing.T) {
	old, next := newRoot(t, "TEST old root"), newRoot(t, "TEST next root")
	r := registered(t, []party{old, next}, named("batch", client.CertificateName{SANDNS: host}))
	proves(t, r, "batch", chain(old.issues(t, "TEST client", hostName)))
	proves(t, r, "batch", chain(next.issues(t, "TEST client", hostName)))
}

func TestM2_a_certificate_can_be_of_any_usual_key(t *testing.T) {
	root, r := issuing(t)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	usual, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	proves(t, r, "batch", chain(sign(t, template("TEST client", hostName), ed, &root)))
	proves(t, r, "batch", chain(sign(t, template("TEST client", hostName), usual, &root)))
}

// One authority issues to all clients: only the name tells them apart.
func TestM2_a_certificate_of_one_client_is_not_good_for_another(t *testing.T) {
	root := newRoot(t, "TEST root")
	r := registered(t, []party{root},
		named("batch", client.CertificateName{SANDNS: host}),
		named("portal", client.CertificateName{SubjectDN: "CN=TEST portal"}))
	batch, portal := root.issues(t, "TEST batch", hostName), root.issues(t, "TEST portal")
	proves(t, r, "batch", chain(batch))
	proves(t, r, "portal", chain(portal))
	denied(t, r, "batch", "certificate_name", chain(portal))
	denied(t, r, "portal", "certificate_name", chain(batch))
	denied(t, r, "batch", "certificate_name", chain(portal, batch))
}
