package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"
	"unicode"
)

// journal receives what the function logs. As JSON, for machines, it goes into a file of the state folder; the entries
// that people want to see are handed on.
type journal struct {
	entries chan entry // those that nobody takes are dropped; the file has them
	pipe    *os.File
	done    chan struct{}
}

// openJournal takes over standard error, since that is where a function logs on the platform, and the function here is
// the same. What this program has to say itself goes to the terminal that it was given.
func openJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the log %s cannot be written: %w", path, plain(err))
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("the log cannot be followed: %w", err)
	}
	os.Stderr = writer
	log.SetOutput(writer)
	j := &journal{entries: make(chan entry, 1000), pipe: writer, done: make(chan struct{})}
	go j.follow(reader, file)
	return j, nil
}

func (j *journal) follow(reader io.Reader, file io.WriteCloser) {
	defer close(j.done)
	lines := bufio.NewReader(reader)
	for {
		line, err := lines.ReadBytes('\n')
		_, _ = file.Write(line) // a disk that is full must not stop the service
		if err != nil {
			_ = file.Close()
			return
		}
		var read entry
		if json.Unmarshal(line, &read) != nil {
			continue
		}
		select {
		case j.entries <- read:
		default:
		}
	}
}

// close waits until everything that was logged is in the file.
func (j *journal) close() {
	_ = j.pipe.Close()
	<-j.done
}

// nextDecision waits for the audit entry of a request that has been answered: the server writes it right behind the
// answer. It gives up after a second.
func (j *journal) nextDecision() {
	late := time.After(time.Second)
	for {
		select {
		case read := <-j.entries:
			if read.isAudit() {
				return
			}
		case <-late:
			return
		}
	}
}

// entry is a line of the function's log, as far as people want to see it.
type entry struct {
	Time     time.Time `json:"time"`
	Severity string    `json:"severity"`
	Message  string    `json:"message"`

	Decision    string `json:"decision"` // granted or denied; anything else: the entry is about no request
	Subject     string `json:"sub"`
	Client      string `json:"client_id"`
	Claimed     string `json:"claimed_client_id"`
	Issuer      string `json:"assertion_iss"`
	Audience    string `json:"aud"`
	Scope       string `json:"scope"`
	Code        string `json:"error"` // of OAuth; in other entries a whole sentence
	Description string `json:"error_description"`
	Warning     string `json:"warning"`

	Event       string `json:"event"`           // what was asked: token, introspection or revocation
	TokenClient string `json:"token_client_id"` // of the token that came back
	Active      bool   `json:"active"`
	Revoked     bool   `json:"revoked"`
	WhyNot      string `json:"why_not"`
}

// isAudit reports whether the entry is what was decided about a request.
func (e entry) isAudit() bool { return e.Decision == "granted" || e.Decision == "denied" }

// String returns the entry as a line. What strangers have sent is in it, and must not steer the terminal.
func (e entry) String() string {
	text := e.Message
	switch {
	case e.Decision == "granted" && e.Event == "introspection":
		text = "asked    " + e.Client + " about a token" + e.state()
	case e.Decision == "granted" && e.Event == "revocation":
		text = "revoked  " + e.taken()
	case e.Decision == "granted":
		text = fmt.Sprintf("granted  %s to %s for %s", e.Scope, e.Subject, e.Audience)
	case e.Decision == "denied":
		text = "refused  "
		if who := firstOf(e.Client, e.Issuer, e.Claimed); who != "" {
			text += who + ": "
		}
		text += e.Code + ": " + e.Description
	default:
		if what := firstOf(e.Code, e.Warning); what != "" {
			text += ": " + what
		}
	}
	return e.Time.Local().Format(time.TimeOnly) + "  " + printable(text)
}

// state says what a client was told about a token.
func (e entry) state() string {
	if e.Active {
		return " of " + e.TokenClient + ": active"
	}
	return ": not active; " + e.WhyNot
}

// taken says what a client has taken back.
func (e entry) taken() string {
	if e.Revoked {
		return "a token of " + e.TokenClient
	}
	return "nothing, for " + e.Client + "; " + e.WhyNot
}

func firstOf(candidates ...string) string {
	for _, candidate := range candidates {
		if candidate != "" {
			return candidate
		}
	}
	return ""
}

// printable replaces what a terminal could take for a command.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return '?'
	}, text)
}
