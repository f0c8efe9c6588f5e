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
func (s *system) invite() {
	s.printf("%s  %s\n\n", s.styled(bold, "4"), s.styled(bold, "Now you: lines to paste into another terminal, in this folder"))
	for _, sample := range s.samples() {
		if s.knows(sample.party) {
			s.printf("   %s\n\n   %s\n\n", sample.about, s.styled(cyan, strings.Join(sample.lines, " \\\n     ")))
		}
	}
}

func (s *system) samples() []sample {
	curl := "curl " + baseURL(s.tokenPort) + "/token"
	bearer := "-d grant_type=" + oauth.JWTBearer
	assertion := "assertion=$(" + s.program + " assert"
	audience := "-aud " + shellWord(s.configuration.Issuer)
	return []sample{
		{reportName, "Get a token as nightly-report, and go to the API with it.", []string{
			`curl -H "Authorization: Bearer $(` + s.program + " token",
			"  " + s.tokenAddress(),
			"  -client " + reportName + " -key " + s.file(reportName+".pem") + `)"`,
			baseURL(s.apiPort) + "/",
		}},
		{reportName, "The same token by hand: client_credentials with a client assertion.", []string{
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

// tokenAddress is how the command token finds the server: by the issuer's metadata, unless that names another place.
func (s *system) tokenAddress() string {
	if here := baseURL(s.tokenPort); s.configuration.Issuer != here {
		return "-url " + here + "/token -aud " + shellWord(s.configuration.Issuer)
	}
	return "-url " + s.configuration.Issuer
}

// file names a file of the state folder for a shell.
func (s *system) file(name string) string { return shellWord(s.state.path(name)) }
