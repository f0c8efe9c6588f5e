// Program countersign is what is deployed.
package main

import (
	_ "example.com/countersign"
	"example.com/countersign/internal/bench/testdata/served"
)

func main() { served.Start() }
