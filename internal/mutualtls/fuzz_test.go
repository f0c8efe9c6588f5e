package mutualtls_test

import (
	"errors"
	"strings"
	"testing"

	"example.com/countersign/internal/mutualtls"
)

// FuzzCertificates holds that whatever is accepted says the same when it is written down again.
func FuzzCertificates(f *testing.F) {
	one, other := item(newCertificate(f, "TEST one")), item(newCertificate(f, "TEST other"))
	for _, own := range []string{"", one, one + "," + other, ":", "::", ":AAAA:", strings.Trim(one, ":")} {
		f.Add(own, "")
		f.Add(own, other+", "+one)
	}
	p := proxy(f, mutualtls.Config{})
	f.Fuzz(func(t *testing.T, own, chain string) {
		header := headers("Client-Cert", own, "Client-Cert-Chain", chain)
		certificates, err := p.Certificates(t.Context(), header.Values)
		if err != nil {
			if _, is := errors.AsType[*mutualtls.Fault](err); !is || certificates != nil {
				t.Errorf("%d certificates, %v", len(certificates), err)
			}
			return
		}
		if len(certificates) == 0 {
			if own+chain != "" {
				t.Errorf("%q, %q are no certificates", own, chain)
			}
			return
		}
		var again []string
		for _, certificate := range certificates[1:] {
			again = append(again, item(certificate))
		}
		shows(t, p, headers("Client-Cert", item(certificates[0]), "Client-Cert-Chain", strings.Join(again, ", ")), certificates...)
		if strings.Trim(own, " \t") != item(certificates[0]) || strings.NewReplacer(" ", "", "\t", "").Replace(chain) != strings.Join(again, ",") {
			t.Errorf("%q, %q came out as %q, %q", own, chain, item(certificates[0]), again)
		}
	})
}
