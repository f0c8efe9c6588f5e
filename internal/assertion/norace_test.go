//go:build !race

package assertion_test

const slowdown = 1
