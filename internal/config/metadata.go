package config

// Metadata is what the metadata of this server (RFC 8414) say for the sake of those who read them. Its zero value: they
// say what is supported, and nothing else.
type Metadata struct {
	At Position
	// MCPClients adds what the official clients of the Model Context Protocol insist on whatever the grant: where the
	// authorization endpoint is, which then refuses every request, and PKCE.
	MCPClients bool
}

// readMetadata reads what the metadata say besides. It gives nobody anything: no request is granted that was not before.
func readMetadata(v value) Metadata {
	m := v.mapping()
	defer m.refuseOthers()
	return Metadata{
		At:         m.at(),
		MCPClients: m.optional("mcp_clients").flag(),
	}
}
