package main

import (
	"encoding/json"
	"io"

	"example.com/countersign/internal/difference"
)

// changed is a change in JSON.
type changed struct {
	Kind     difference.Kind `json:"kind"`
	Party    string          `json:"party"` // empty: it is of every party
	What     string          `json:"what"`
	Resource string          `json:"resource"` // of a rule
	Sign     string          `json:"sign"`
	Old      string          `json:"old"`
	New      string          `json:"new"`
	Widens   bool            `json:"widens"`
	Why      string          `json:"why"`
	OldLine  int             `json:"old_line"` // 0: it is not there, or no line is known
	NewLine  int             `json:"new_line"`
}

// faultOf is a fault in JSON, of one of two documents.
type faultOf struct {
	File string `json:"file"`
	finding
}

// printJSON writes for machines. Every list is there, an empty one too; where there are faults, nothing is known to widen
// or not.
func (d diffed) printJSON(out io.Writer) error {
	result := struct {
		Old     string    `json:"old"`
		New     string    `json:"new"`
		Faults  []faultOf `json:"faults"`
		Widens  *bool     `json:"widens"`
		Changes []changed `json:"changes"`
	}{Old: d.before.name, New: d.after.name, Faults: []faultOf{}, Changes: []changed{}}
	for _, side := range []checked{d.before, d.after} {
		for _, fault := range findings(side.faults) {
			result.Faults = append(result.Faults, faultOf{side.name, fault})
		}
	}
	if widens := difference.Widens(d.changes); len(result.Faults) == 0 {
		result.Widens = &widens
	}
	for _, c := range d.changes {
		result.Changes = append(result.Changes,
			changed{c.Kind, c.Party, c.What, c.Resource, c.Sign(), c.Old, c.New, c.Widens, c.Why, c.OldLine, c.NewLine})
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(result)
}
