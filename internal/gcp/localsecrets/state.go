package localsecrets

import (
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"time"
)

// secrets is everything that the server knows, by canonical name. It is never changed once it is in the store: a change is
// made to a clone, which takes its place when it has been written.
type secrets map[string]*secret

// secret has the field tags of the state file.
type secret struct {
	Name        string            `json:"name"`
	Created     time.Time         `json:"created"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Versions    []version         `json:"versions"` // version 1 first, none ever missing
}

// version is one entry of a secret's history. Payload is never changed in place, so that clones share it.
type version struct {
	State     state     `json:"state"`
	Created   time.Time `json:"created"`
	Destroyed time.Time `json:"destroyed,omitzero"` // zero unless State is destroyed
	Payload   []byte    `json:"payload,omitempty"`  // nil if State is destroyed
	Checksum  uint32    `json:"crc32c"`             // of the payload that was added, also when that is gone
	Verified  bool      `json:"verified"`           // whether the one who added it gave the checksum
	Revision  int64     `json:"revision"`           // counts the changes of this version, for its etag
}

// state is a version's state, in the words of the API.
type state string

const (
	enabled   state = "ENABLED"
	disabled  state = "DISABLED"
	destroyed state = "DESTROYED"
)

// maximumPayload is Secret Manager's limit (SecretPayload.data).
const maximumPayload = 64 << 10

func (s secrets) clone() secrets {
	clone := make(secrets, len(s))
	for name, kept := range s {
		copied := *kept
		copied.Labels, copied.Annotations = maps.Clone(kept.Labels), maps.Clone(kept.Annotations)
		copied.Versions = slices.Clone(kept.Versions)
		clone[name] = &copied
	}
	return clone
}

// fault says what is wrong with a secret that was read from a file, or "".
func (s *secret) fault() string {
	if canonical, err := parseSecret(s.Name); err != nil || canonical != s.Name {
		return fmt.Sprintf("%q is not a secret's name", s.Name)
	}
	if s.Created.Year() < 1970 {
		return s.Name + " has no create time"
	}
	for i := range s.Versions {
		if fault := s.Versions[i].fault(); fault != "" {
			return fmt.Sprintf("%s/versions/%d %s", s.Name, i+1, fault)
		}
	}
	return ""
}

func (v *version) fault() string {
	switch {
	case v.State != enabled && v.State != disabled && v.State != destroyed:
		return fmt.Sprintf("has the unknown state %q", v.State)
	case v.Created.Year() < 1970:
		return "has no create time"
	case (v.State == destroyed) == v.Destroyed.IsZero():
		return "has a destroy time that does not fit its state"
	case v.State == destroyed && v.Payload != nil:
		return "is destroyed and has a payload"
	case v.State != destroyed && len(v.Payload) == 0:
		return "has no payload"
	case v.State != destroyed && checksum(v.Payload) != v.Checksum:
		return "does not match its checksum"
	default:
		return ""
	}
}

// checksum is CRC32C (Castagnoli), as SecretPayload.data_crc32c wants it.
func checksum(data []byte) uint32 {
	return crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
}
