package config

// Replay says where what may be used once is remembered (protocol R).
type Replay struct {
	At        Position
	Firestore string // projects/P/databases/D: all instances remember together; empty: each for itself, in its memory
}

// readReplay reads where what may be used once is remembered.
func readReplay(v value) Replay {
	m := v.mapping()
	defer m.refuseOthers()
	return Replay{
		At:        m.at(),
		Firestore: m.optional("firestore").firestoreName(),
	}
}

// firestoreName reads the name of a database in Firestore. The first database of a project is called (default).
func (v value) firestoreName() string {
	name := v.text()
	if name != "" && !firestoreForm.MatchString(name) {
		v.fault("is %s; write projects/PROJECT/databases/DATABASE, such as projects/acme/databases/(default)", quote(name))
		return ""
	}
	return name
}

var firestoreForm = matching(`\Aprojects/[^/\s]+/databases/[^/\s]+\z`)
