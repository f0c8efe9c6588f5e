//go:build !race

package difference_test

// How many configurations TestWhereNothingWidensNobodyGains draws, and how many others it makes of each.
const drawings, edits = 150, 6
