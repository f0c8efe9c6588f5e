//go:build !race

package keys_test

// worlds is how many the simulation runs.
const worlds = 2000
