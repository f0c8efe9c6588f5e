package main

import (
	"strings"

	"example.com/countersign/internal/oauth"
)

// sample is something to paste into another terminal.
type sample struct {
	party string   // who must be in the configuration
	about string   // what it does, as a sentence
	lines []string // one command
}

// invite prints what the user can do now. An assertion works once and for minutes, so each line makes its own.
func (s *system) invite(number int) {
	s.section(number, "Now you: lines to paste into another terminal, in this folder")
	s.printf("\n")
	for _, sample := range s.samples() {
		if s.knows(sample.party) {
			s.printf("   %s\n\n   %s\n\n", sample.about, s.styled(cyan, strings.Join(sample.lines, " \\\n     ")))
		}
	}
}

func (s *system) samples() []sample {
	samples := []sample{
		{reportName, "Get a token as nightly-report, and go to the API with it.", []string{
			s.curl() + ` -H "Authorization: Bearer $(` + s.program + " token",
			"  " + s.tokenAddress(),
			"  -client " + reportName + " -key " + s.file(reportName+".pem") + `)"`,
			s.url(s.apiPort) + "/",
		}},
	}
	if s.configuration.Issuer == s.url(s.tokenPort) { // which the proof has to name
		samples = append(samples, sample{mirrorName, "A token that is bound to a key (DPoP), with a proof of it.", append([]string{
			"export TOKEN=$(" + s.program + " token",
			"  " + s.tokenAddress(),
			"  -client " + mirrorName + " -key " + s.file(mirrorName+".pem"),
			"  -dpop " + s.file(mirrorName+".pem") + ") &&",
		}, s.proved(mirrorName)...)})
	}
	if s.tls {
		samples = append(samples, sample{ledgerID, "One that is bound to a certificate (mutual TLS).", []string{
			s.curl(),
			"--cert " + s.file(ledgerName+certificateText) + " --key " + s.file(ledgerName+".pem"),
			`-H "Authorization: Bearer $(` + s.program + " token",
			"  " + s.tokenAddress(),
			"  -client " + ledgerID + " -cert " + s.file(ledgerName+certificateText),
			"  -cert-key " + s.file(ledgerName+".pem") + `)"`,
			s.url(s.apiPort) + "/",
		}})
	}
	return append(samples, s.byHand()...)
}

// byHand are the requests that the command token would send.
func (s *system) byHand() []sample {
	curl := s.curl() + " " + s.url(s.tokenPort) + "/token"
	bearer := "-d grant_type=" + oauth.JWTBearer
	assertion := "assertion=$(" + s.program + " assert"
	audience := "-aud " + shellWord(s.configuration.Issuer)
	return []sample{
		{reportName, "The first token by hand: client_credentials with a client assertion.", []string{
			curl + " -d grant_type=" + oauth.ClientCredentials,
			"-d client_assertion_type=" + oauth.ClientAssertionTypeJWTBearer,
			"-d client_" + assertion,
			"  -key " + s.file(reportName+".pem") + " -iss " + reportName,
			"  " + audience + ")",
		}},
		{ciIssuer, "The JWT authorization grant. Change the claims, and see what it says.", []string{
			curl, bearer,
			"-d " + assertion + " -key " + s.file(ciName+".pem"),
			"  " + audience + " -iss " + ciIssuer + " -sub job-4712",
			"  -claim project=acme/shop -claim branch=main)",
		}},
		{tillName, "The same grant with a shared secret (HS256).", []string{
			curl, bearer,
			"-d " + assertion,
			"  -key " + s.file(tillName+secretText) + " -alg HS256",
			"  " + audience + " -iss " + tillName + " -sub till-3)",
		}},
		{portalName, "A password (client_secret_basic).", []string{
			curl + " -d grant_type=" + oauth.ClientCredentials,
			`-u "` + portalName + ":$(cat " + s.file(portalName+secretText) + `)"`,
		}},
	}
}

// curl is how curl reaches the servers.
func (s *system) curl() string {
	if s.tls {
		return "curl --cacert " + s.file(authorityName+certificateText)
	}
	return "curl"
}

// proved calls the API with the token in $TOKEN, and a proof with the key of a party.
func (s *system) proved(party string) []string {
	return []string{
		s.curl() + ` -H "Authorization: DPoP $TOKEN"`,
		`  -H "DPoP: $(` + s.program + " proof -key " + s.file(party+".pem") + " -token-env TOKEN",
		"  -url " + s.url(s.apiPort) + `/)" ` + s.url(s.apiPort) + "/",
	}
}

// tokenAddress is how the command token finds the server: by the issuer's metadata, unless that names another place.
func (s *system) tokenAddress() string {
	address := "-url " + s.configuration.Issuer
	if here := s.url(s.tokenPort); s.configuration.Issuer != here {
		address = "-url " + here + "/token -aud " + shellWord(s.configuration.Issuer)
	}
	if s.tls {
		address += " -ca " + s.file(authorityName+certificateText)
	}
	return address
}

// file names a file of the state folder for a shell.
func (s *system) file(name string) string { return shellWord(s.state.path(name)) }
