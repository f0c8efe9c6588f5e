//go:build race

package keys_test

// worlds is how many the simulation runs: with the race detector each takes some ten times as long.
const worlds = 150
