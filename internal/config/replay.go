package config

// Replay says where what may be used once is remembered (protocol R).
type Replay struct {
	At        Position
	Firestore string // projects/P/databases/D: every instance remembers there; empty: each instance for itself, in memory
}
