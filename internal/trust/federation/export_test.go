package federation

// ParseStatement reports what is wrong with a statement that stands alone.
func ParseStatement(text string) error {
	_, err := parseStatement(text)
	return err
}

// Resolve merges policies, the most superior one first, and applies the result to metadata of one entity type. Each
// policy is what metadata_policy has for that type.
func Resolve(metadata map[string]any, policies ...any) (map[string]any, error) {
	const entityType = "oauth_client"
	c := chain{own: statement{metadata: map[string]parameters{entityType: metadata}}}
	for _, claim := range policies {
		read, err := readPolicy(map[string]any{entityType: claim})
		if err != nil {
			return nil, err
		}
		c.superiors = append([]statement{{policy: read}}, c.superiors...)
	}
	resolved, err := c.resolve()
	return resolved[entityType], err
}

// AllowsName reads naming constraints and holds them against an entity.
func AllowsName(naming any, entity string) (bool, error) {
	read, err := readConstraints(map[string]any{"naming_constraints": naming})
	return err == nil && read.allowsName(entity), err
}

// Remembered returns how many chains are remembered.
func (k *Keys) Remembered() int {
	k.memory.mutex.Lock()
	defer k.memory.mutex.Unlock()
	return len(k.memory.chains)
}
