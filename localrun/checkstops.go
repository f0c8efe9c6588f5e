package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/config"
)

// checkStops validates a stop list, which the service reads as this does.
func checkStops(cmd *cli.Command, path string, document []byte) error {
	name := inputName(path)
	stops, faults := config.LoadStops(name, document)
	var text strings.Builder
	switch {
	case cmd.Bool("json"):
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(stopsInJSON(name, stops, faults)); err != nil {
			return err
		}
	case len(faults) > 0:
		for _, fault := range faults {
			fmt.Fprintf(&text, "%s\n", fault)
		}
	case len(stops) == 0:
		fmt.Fprintf(&text, "%s is good, and stops nobody.\n", name)
	default:
		entries := "entries"
		if len(stops) == 1 {
			entries = "entry"
		}
		fmt.Fprintf(&text, "%s is good, with %d %s.\n", name, len(stops), entries)
	}
	if _, err := fmt.Fprint(cmd.Root().Writer, text.String()); err != nil {
		return err
	}
	if len(faults) > 0 {
		return fmt.Errorf("%s has %s", name, counted(len(faults), "fault"))
	}
	return nil
}

// stop is an entry in JSON.
type stop struct {
	Line         int    `json:"line"`
	Issuer       string `json:"issuer,omitempty"`
	Client       string `json:"client,omitempty"`
	KeyID        string `json:"kid,omitempty"`
	Subject      string `json:"subject,omitempty"`
	ID           string `json:"jti,omitempty"`
	IssuedBefore string `json:"issued_before,omitempty"`
}

// stopsInJSON returns what is printed for machines. Every list is there, an empty one too.
func stopsInJSON(name string, stops []config.Stop, faults config.Faults) any {
	entries := []stop{}
	for _, s := range stops {
		if len(faults) > 0 {
			break
		}
		entry := stop{Line: s.At.Line, Issuer: s.Issuer, Client: s.Client, KeyID: s.KeyID, Subject: s.Subject, ID: s.ID}
		if !s.IssuedBefore.IsZero() {
			entry.IssuedBefore = s.IssuedBefore.UTC().Format(time.RFC3339)
		}
		entries = append(entries, entry)
	}
	return struct {
		File    string    `json:"file"`
		Faults  []finding `json:"faults"`
		Entries []stop    `json:"entries"`
	}{name, findings(faults), entries}
}
