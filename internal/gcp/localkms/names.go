package localkms

import (
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The forms of names. Project IDs are looser than Google's (at least six characters there), since a test's project is
// often called "local". The IDs of key rings and keys are as CreateKeyRingRequest.key_ring_id says.
const (
	idForm       = `[a-zA-Z0-9_-]{1,63}`
	locationForm = `projects/[a-z0-9][a-z0-9.:-]{0,62}/locations/[a-z0-9-]{1,63}`
	keyRingForm  = locationForm + `/keyRings/` + idForm
	keyForm      = keyRingForm + `/cryptoKeys/` + idForm
	versionForm  = keyForm + `/cryptoKeyVersions/[1-9][0-9]{0,8}`
)

var (
	idPattern       = regexp.MustCompile(`\A(?:` + idForm + `)\z`)
	locationPattern = regexp.MustCompile(`\A(?:` + locationForm + `)\z`)
	keyRingPattern  = regexp.MustCompile(`\A(?:` + keyRingForm + `)\z`)
	keyPattern      = regexp.MustCompile(`\A(?:` + keyForm + `)\z`)
	versionPattern  = regexp.MustCompile(`\A(?:` + versionForm + `)\z`)
)

func checkName(name string, pattern *regexp.Regexp) error {
	if pattern.MatchString(name) {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "The resource name or ID [%s] is not of the form %s.", name, pattern)
}

// splitVersion takes a version's name apart.
func splitVersion(name string) (key string, number int, err error) {
	if err := checkName(name, versionPattern); err != nil {
		return "", 0, err
	}
	key, digits, _ := strings.Cut(name, "/cryptoKeyVersions/")
	number, err = strconv.Atoi(digits)
	return key, number, err
}
