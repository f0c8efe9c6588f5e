// Command clients lets other people's Go libraries get tokens from Countersign and use them. It prints one JSON object
// for each flow; the runner beside it says where everything is (see system.environment there).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// What the runner says.
var (
	issuer        = os.Getenv("INTEROP_ISSUER")
	tokenEndpoint = issuer + "/token"
	api           = os.Getenv("INTEROP_API")
	fapiIssuer    = os.Getenv("INTEROP_FAPI_ISSUER")
	fapiAPI       = os.Getenv("INTEROP_FAPI_API")
	awkwardClient = os.Getenv("INTEROP_AWKWARD_CLIENT")
)

const (
	read  = "stock.read"
	write = "stock.write"
)

// flow is one thing that one library is to do.
type flow struct {
	library string // module path
	name    string
	try     func(context.Context) error
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	output := json.NewEncoder(os.Stdout)
	output.SetEscapeHTML(false)
	for _, flows := range [][]flow{
		clientCredentials(), clientAssertions(), googleFlows(), ownAssertions(), verification(), dpopFlows(), mutualTLS(),
		mcpFlows(), mcpServerFlows(), crossAppFlows(),
	} {
		for _, f := range flows {
			outcome := map[string]string{"library": f.library + " " + version(f.library), "flow": f.name, "error": ""}
			if err := f.try(ctx); err != nil {
				outcome["error"] = err.Error()
			}
			if err := output.Encode(outcome); err != nil {
				os.Exit(1)
			}
		}
	}
}

// version returns the version of a module that this program is built with.
func version(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "?"
}

// file reads a file of the runner's.
func file(name string) []byte {
	content, err := os.ReadFile(filepath.Join(os.Getenv("INTEROP_KEYS"), filepath.FromSlash(name)))
	if err != nil {
		fatal(err)
	}
	return content
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// call calls the protected API with a client that puts a token into the request, and checks on whose behalf it came.
func call(client *http.Client, method, subject string) error {
	return callAt(api, client, method, subject)
}

func callAt(api string, client *http.Client, method, subject string) error {
	request, err := http.NewRequest(method, api+"/", http.NoBody)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var greeting struct {
		Subject string `json:"sub"`
	}
	if err := json.Unmarshal(body, &greeting); err != nil || answer.StatusCode != http.StatusOK || greeting.Subject != subject {
		return fmt.Errorf("the API says %s %s; want 200 for %s", answer.Status, body, subject)
	}
	return nil
}

// want turns the error that must not be missing into success.
func want(err error, isRight func(error) bool) error {
	switch {
	case err == nil:
		return errors.New("it has got a token")
	case !isRight(err):
		return fmt.Errorf("it fails in another way than it should: %T: %w", err, err)
	}
	return nil
}
