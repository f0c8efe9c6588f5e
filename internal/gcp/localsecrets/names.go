package localsecrets

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Project IDs are looser than Google's (at least six characters there), since on a laptop a project is often called "local".
// Secret IDs are as CreateSecretRequest.secret_id says.
var (
	projectPattern = regexp.MustCompile(`\A(?:[a-z][a-z0-9.:-]{0,62}|[1-9][0-9]{0,18})\z`)
	secretPattern  = regexp.MustCompile(`\A(?:[A-Za-z0-9_-]{1,255})\z`)
	numberPattern  = regexp.MustCompile(`\A(?:[1-9][0-9]{0,8})\z`)
)

// latest is the only alias that there is: the version that was created last, whatever its state.
const latest = "latest"

// parseProject returns the canonical name, projects/NUMBER, of a parent.
func parseProject(name string) (string, error) {
	id, found := strings.CutPrefix(name, "projects/")
	if strings.Contains(id, "/locations/") {
		return "", status.Error(codes.Unimplemented, "the local Secret Manager has no regional secrets")
	}
	if !found || !projectPattern.MatchString(id) {
		return "", malformed(name, "projects/*")
	}
	return "projects/" + projectNumber(id), nil
}

// parseSecret returns the canonical name, projects/NUMBER/secrets/ID, of a secret.
func parseSecret(name string) (string, error) {
	parent, id, found := strings.Cut(name, "/secrets/")
	project, err := parseProject(parent)
	if err != nil {
		return "", err
	}
	if !found || !secretPattern.MatchString(id) {
		return "", malformed(name, "projects/*/secrets/*")
	}
	return project + "/secrets/" + id, nil
}

// parseVersion returns the canonical name of a version's secret, and the version's number, 0 for the latest.
func parseVersion(name string) (secret string, number int, err error) {
	parent, version, found := strings.Cut(name, "/versions/")
	if secret, err = parseSecret(parent); err != nil {
		return "", 0, err
	}
	if version == latest {
		return secret, 0, nil
	}
	if !found || !numberPattern.MatchString(version) {
		return "", 0, malformed(name, "projects/*/secrets/*/versions/*")
	}
	number, err = strconv.Atoi(version)
	return secret, number, err
}

func malformed(name, form string) error {
	return status.Errorf(codes.InvalidArgument, "The resource name [%s] is not of the form %s.", name, form)
}

// projectNumber invents the number of a project: twelve digits that depend on its ID alone, so that nothing has to be
// remembered. A number is its own.
func projectNumber(id string) string {
	if id[0] >= '0' && id[0] <= '9' {
		return id
	}
	sum := fnv.New64a()
	sum.Write([]byte(id))
	return fmt.Sprint(100_000_000_000 + sum.Sum64()%900_000_000_000)
}
