//go:build !race

package replay_test

const slowdown = 1
