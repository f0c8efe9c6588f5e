package keys

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Directory is a [Source] in a folder: each file that ends in .pem, .jwk or .json is a version, enabled, as old as the
// file's last change. It is for tests and for machines without Secret Manager.
type Directory string

// Versions implements [Source].
func (d Directory) Versions(context.Context) ([]Version, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, fmt.Errorf("reading signing keys: %w", err)
	}
	var versions []Version
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		switch strings.ToLower(filepath.Ext(entry.Name())) {
		case ".pem", ".jwk", ".json":
		default:
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return nil, fmt.Errorf("reading signing keys: %w", err)
		}
		payload, err := os.ReadFile(filepath.Join(string(d), entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading signing keys: %w", err)
		}
		versions = append(versions, Version{ID: entry.Name(), Created: info.ModTime(), State: Enabled, Payload: payload})
	}
	return versions, nil
}
