//go:build race

package replay_test

// slowdown is by how much the longest test is shortened: the race detector takes ten times as long.
const slowdown = 10
