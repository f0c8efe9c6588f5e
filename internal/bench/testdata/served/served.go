// Package served is what the processes that `make bench` measures have in common: the main that Google's source builder
// writes, on loopback.
package served

import (
	"bufio"
	"fmt"
	"os"
	"runtime"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
)

// Start serves the function that FUNCTION_TARGET names on PORT, and ends with its parent, however that ends. To every
// line on standard input it answers with the bytes that are live on its heap.
func Start() {
	go func() {
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			runtime.GC()
			runtime.GC() // what the first one found in pools
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			fmt.Println(stats.HeapAlloc)
		}
		os.Exit(0)
	}()
	fmt.Fprintln(os.Stderr, funcframework.StartHostPort("127.0.0.1", os.Getenv("PORT")))
	os.Exit(1)
}
