package main

import (
	"fmt"
	"io"

	"example.com/countersign/internal/config"
)

// introspector is a client that may ask about the tokens of APIs, as check lists it.
type introspector struct {
	Client         string   `json:"client"`
	Authentication string   `json:"authentication"`
	Disabled       bool     `json:"disabled"`
	Resources      []string `json:"resources"`
}

// introspectors returns those of a configuration, in its own order.
func introspectors(configuration *config.Config) []introspector {
	var all []introspector
	for _, client := range configuration.Clients {
		if len(client.Introspects) > 0 {
			all = append(all, introspector{client.ID, client.Authentication, client.Disabled, client.Introspects})
		}
	}
	return all
}

// writeIntrospectors writes them below the table.
func writeIntrospectors(out io.Writer, all []introspector) {
	if len(all) == 0 {
		return
	}
	_, _ = fmt.Fprint(out, "\nWHO MAY ASK ABOUT TOKENS\n")
	for _, one := range all {
		disabled := ""
		if one.Disabled {
			disabled = " disabled: it is told nothing"
		}
		_, _ = fmt.Fprintf(out, "\nclient %s (%s)%s\n", one.Client, one.Authentication, disabled)
		for _, resource := range one.Resources {
			_, _ = fmt.Fprintf(out, "  tokens for %s\n", resource)
		}
	}
}
