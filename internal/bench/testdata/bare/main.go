// Program bare is a function that does nothing.
package main

import (
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"example.com/countersign/internal/bench/testdata/served"
)

func init() {
	functions.HTTP("AuthorizationServer", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
}

func main() { served.Start() }
