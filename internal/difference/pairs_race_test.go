//go:build race

package difference_test

// With the race detector each takes some ten times as long.
const drawings, edits = 15, 6
