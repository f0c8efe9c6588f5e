package config

// ProfileFAPI2 is the FAPI 2.0 Security Profile: see [Config.FAPI2].
const ProfileFAPI2 = "fapi2"

// FAPI2 reports whether the client is held to the FAPI 2.0 Security Profile: by itself, or as the whole server is.
func (c *Config) FAPI2(client Client) bool {
	return c.Profile == ProfileFAPI2 || client.Profile == ProfileFAPI2
}
