package main

import (
	"fmt"
	"strings"

	"example.com/countersign/internal/config"
)

// identity is one client that gets the grants of another authorization server.
type identity struct {
	Audience  string   `json:"audience"`
	Client    string   `json:"client"`
	ClientID  string   `json:"client_id"` // as the other server calls it
	Issuers   []string `json:"issuers"`
	Scopes    []string `json:"scopes"`
	Resources []string `json:"resources"`
	Lifetime  int64    `json:"lifetime"` // seconds
	Rule      string   `json:"rule"`     // what the log calls it: its place in the configuration
}

// identities returns who gets grants of other servers, in the order of the configuration.
func identities(configuration *config.Config) []identity {
	var all []identity
	for _, to := range configuration.IdentityAssertions {
		for _, client := range to.Clients {
			all = append(all, identity{
				to.Audience, client.ID, client.ClientID, to.Issuers, to.Scopes, append([]string{}, to.Resources...),
				int64(to.Lifetime.Seconds()), to.At.Path,
			})
		}
	}
	return all
}

// writeIdentities writes them for people, a block for each client; nothing where there are none.
func writeIdentities(out *strings.Builder, all []identity) {
	for _, i := range all {
		fmt.Fprintf(out, "\nclient %s (there %s) by grants of %s\n", i.Client, i.ClientID, i.Audience)
		about := []string{"for users of " + strings.Join(i.Issuers, " "), strings.Join(i.Scopes, " ")}
		if len(i.Resources) > 0 {
			about = append(about, "at "+strings.Join(i.Resources, " "))
		}
		for _, text := range about {
			for _, line := range wrap(text, tableWidth-4) {
				fmt.Fprintf(out, "    %s\n", line)
			}
		}
	}
}
