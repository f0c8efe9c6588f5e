package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"example.com/countersign/internal/config"
)

// introduce says what is running, and where.
func (s *system) introduce() {
	s.printf("%s\n\n", s.styled(bold, "Countersign on this machine"))
	row := func(what, where, more string) { s.printf("   %-21s %-22s %s\n", what, where, s.styled(faint, more)) }
	row("authorization server", s.url(s.tokenPort), "as in "+s.document)
	row("demo API", s.url(s.apiPort), "wants its tokens")
	if s.secrets.embedded != nil {
		row("Secret Manager", s.secrets.address, "embedded, kept in "+s.state.folder)
	} else {
		row("Secret Manager", s.secrets.address, "not ours, by the environment")
	}
	if s.tls {
		row("local CA", s.state.path(authorityName+certificateText), "")
	}
	s.printf("   %-21s %s\n\n", "log", s.state.path(logFile))
	s.remark()
}

// remark says what is worth knowing about the configuration before the demonstration begins.
func (s *system) remark() {
	if s.first != nil {
		s.printf("   This first run has made keys, secrets and a configuration in %s.\n   Later runs keep them; -reset begins anew.\n\n", s.state.folder)
	}
	if portOf(s.configuration.Issuer) != s.tokenPort {
		s.printf("   The issuer in the configuration is %s,\n   and its metadata names URLs there and not here.\n\n", s.configuration.Issuer)
	}
	if warnings := len(s.configuration.Warnings); warnings > 0 && s.first == nil {
		s.printf("   The configuration has %s; to read them:\n   %s check %s\n\n", counted(warnings, "warning"), s.program, shellWord(s.document))
	}
}

// demonstrate runs the demonstration. The error says that it did not work.
func (s *system) demonstrate(ctx context.Context) error {
	if !s.knows(reportName) || !s.knows(ciIssuer) {
		if s.once {
			return fmt.Errorf("the configuration %s does not have the parties of the demonstration, %s and %s", s.document, reportName, ciIssuer)
		}
		s.printf("   There is no demonstration: the configuration does not have its parties,\n   %s and %s.\n\n", reportName, ciIssuer)
		return nil
	}
	d := &demonstration{
		diagram: diagram{s.terminal},
		http:    s.httpClient(),
		journal: s.journal,
		api:     s.api,
		issuer:  s.configuration.Issuer,
		server:  s.url(s.tokenPort),
		apiURL:  s.url(s.apiPort),
		write:   s.api.write,
		report:  s.report,
		ci:      s.ci,
	}
	if s.knows(mirrorName) {
		d.mirror = s.mirror
	}
	if s.tls && s.knows(ledgerID) {
		certificate := s.certificates.ledger.forTLS()
		d.ledger = clientTLS{Certificate: &certificate, Roots: s.certificates.roots}.newHTTPClient()
	}
	if err := d.show(ctx); err != nil {
		return err
	}
	switch {
	case !s.once:
		s.invite(d.sections + 1)
		return nil
	case d.failures > 0:
		return errors.New(counted(d.failures, "step") + " of the demonstration did not go as it should")
	default:
		s.printf("All of it worked. Without -once the system goes on serving, to be played with.\n")
		return nil
	}
}

// knows reports whether a client or issuer is in the configuration.
func (s *system) knows(name string) bool {
	return slices.ContainsFunc(s.configuration.Clients, func(c config.Client) bool { return c.ID == name }) ||
		slices.ContainsFunc(s.configuration.Issuers, func(i config.Issuer) bool { return i.Issuer == name })
}
