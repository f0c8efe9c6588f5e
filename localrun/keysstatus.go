package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/keys"
)

// statusCommand shows where each version of our own keys stands.
func statusCommand() *cli.Command {
	return &cli.Command{
		Name:      "status",
		Usage:     "show which key of our own signs or seals, which are public, and what happens next",
		UsageText: "localrun keys status [options]",
		Description: `Looks at the versions of our own keys and says of each where it stands, by the
rule and the clock of the service, and what happens next and when. It changes
nothing.

   localrun keys status -secret projects/acme/secrets/countersign-signing-keys
   localrun keys status -json | jq '.[].versions[] | select(.phase == "signing")'`,
		Flags:           append(ringFlags(), &cli.BoolFlag{Name: "json", Local: true, Usage: "print it as JSON"}),
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          showRings,
	}
}

func showRings(ctx context.Context, cmd *cli.Command) error {
	return withRings(ctx, cmd, func(ctx context.Context, rings []openedRing) error {
		out := cmd.Root().Writer
		var described []describedRing
		for i, ring := range rings {
			standings, err := keys.Status(ctx, ring.Config)
			if err != nil {
				return err
			}
			described = append(described, describe(ring, standings))
			if !cmd.Bool("json") {
				if i > 0 {
					_, _ = fmt.Fprintln(out)
				}
				printRing(out, ring, standings)
			}
		}
		if !cmd.Bool("json") {
			return nil
		}
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(described)
	})
}

// describedRing is a ring in JSON.
type describedRing struct {
	Ring      string             `json:"ring"`
	Algorithm string             `json:"algorithm"`
	Versions  []describedVersion `json:"versions"`
}

type describedVersion struct {
	Version string     `json:"version"`
	KeyID   string     `json:"kid,omitempty"`
	Created time.Time  `json:"created"`
	State   string     `json:"state"`
	Phase   keys.Phase `json:"phase"`
	Until   *time.Time `json:"until,omitempty"`
}

func describe(ring openedRing, standings []keys.Standing) describedRing {
	described := describedRing{Ring: ring.name(), Algorithm: ring.KeyRing.Algorithm, Versions: []describedVersion{}}
	for _, s := range standings {
		version := describedVersion{Version: s.ID, KeyID: s.KeyID, Created: s.Created.UTC(), State: stateName(s.State), Phase: s.Phase}
		if !s.Until.IsZero() {
			until := s.Until.UTC()
			version.Until = &until
		}
		described.Versions = append(described.Versions, version)
	}
	return described
}

func stateName(state keys.State) string {
	switch state {
	case keys.Enabled:
		return "enabled"
	case keys.Disabled:
		return "disabled"
	case keys.Destroyed:
		return "destroyed"
	default:
		return "not usable"
	}
}

// printRing writes a ring for people: a line for each version, and then what happens next.
func printRing(out io.Writer, ring openedRing, standings []keys.Standing) {
	now := ring.Now()
	_, _ = fmt.Fprintf(out, "%s, %s\n\n", ring.name(), ring.KeyRing.Algorithm)
	says := wordsOf(ring)
	if len(standings) == 0 {
		_, _ = fmt.Fprintf(out, "  It has no version: nothing can be %s. A first key %s at once.\n", says.done, says.does)
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "  VERSION\tCREATED (UTC)\tKEY\tWHAT IT DOES")
	for _, s := range standings {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", s.ID, s.Created.UTC().Format(time.DateTime), clip(s.KeyID, 10), says.standing(s, now))
	}
	_ = table.Flush()
	_, _ = fmt.Fprintf(out, "\n  %s\n", says.whatIsNext(standings, now))
}

// words are those for what the keys of a ring do. Nobody needs to see those that seal: the service alone opens with them.
type words struct{ do, does, done, known, everybody string }

func wordsOf(ring openedRing) words {
	if ring.Sealing {
		return words{do: "seal", does: "seals", done: "sealed", known: "opens", everybody: "instance"}
	}
	return words{do: "sign", does: "signs", done: "signed", known: "public", everybody: "verifier"}
}

// standing says where a version stands.
func (w words) standing(s keys.Standing, now time.Time) string {
	switch s.Phase {
	case keys.Next:
		return w.known + ", " + w.does + " from " + moment(s.Until, now)
	case keys.Signing:
		return w.does
	case keys.Retiring:
		return w.known + " until its tokens have expired, " + moment(s.Until, now)
	case keys.Standby:
		return w.known + ", to fall back to; the next rotation disables it"
	case keys.Gone:
		return "out of use; the next rotation disables it"
	case keys.Unusable:
		return "holds no key that can " + w.do
	default:
		return stateName(s.State)
	}
}

// whatIsNext says what happens next if nobody does anything.
func (w words) whatIsNext(standings []keys.Standing, now time.Time) string {
	var soonest keys.Standing
	signs := false
	for _, s := range standings {
		signs = signs || s.Phase == keys.Signing
		if (s.Phase == keys.Next || s.Phase == keys.Retiring) && (soonest.Until.IsZero() || s.Until.Before(soonest.Until)) {
			soonest = s
		}
	}
	switch {
	case soonest.Phase == keys.Next && signs:
		return fmt.Sprintf("Next: version %s %s, %s.", soonest.ID, w.does, moment(soonest.Until, now))
	case soonest.Phase == keys.Next:
		return fmt.Sprintf("Nothing can be %s until %s, when every %s knows version %s.", w.done, moment(soonest.Until, now), w.everybody, soonest.ID)
	case soonest.Phase == keys.Retiring:
		return fmt.Sprintf("Next: the last token of version %s expires, %s.", soonest.ID, moment(soonest.Until, now))
	case !signs:
		return "Nothing can be " + w.done + ": no version is enabled and usable. A rotation adds one."
	default:
		return "Next: nothing, until a version is added or disabled."
	}
}

// moment says when something is, and how long that is from now.
func moment(at, now time.Time) string {
	return fmt.Sprintf("%s (in %s)", at.UTC().Format(time.TimeOnly), at.Sub(now).Round(time.Second))
}
