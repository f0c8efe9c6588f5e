package failures

import (
	"testing"
	"time"
)

// Where nobody can tell whether an assertion has been used, it gets nothing (protocol R3).
func TestFirestore(t *testing.T) {
	play(t, []row{
		{
			name: "it is down", config: withFirestore,
			fault: []step{firestore(down)},
			gets:  unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "it hangs", config: withFirestore,
			fault: []step{firestore(hanging)},
			gets:  unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "it writes, and its answers come after 4 s", config: withFirestore,
			fault: []step{firestore(answersLate(4 * time.Second))},
			gets:  unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "its answers come after 1 s", config: withFirestore,
			fault: []step{firestore(late(time.Second))},
			gets:  good, waits: time.Second,
		},
		{
			name: "every second call fails", config: withFirestore,
			fault: []step{firestore(flapping)},
			gets:  good,
		},
		{
			name: "the permission is taken away", config: withFirestore,
			fault: []step{firestore(forbidden)},
			gets:  unavailable,
			mend:  []step{firestore(works)},
		},
		{
			name: "a quota is used up (RESOURCE_EXHAUSTED)", config: withFirestore,
			fault: []step{firestore(exhausted)},
			gets:  unavailable,
			mend:  []step{firestore(works)},
		},
		{
			name: "it is down when an instance starts", config: withFirestore,
			fault: []step{firestore(down), anInstanceStarts},
			gets:  unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "introspection while it is down", config: withFirestore,
			fault: []step{firestore(down)},
			asks:  introspection, gets: unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "revocation while it is down", config: withFirestore,
			fault: []step{firestore(down)},
			asks:  revocationOf, gets: unavailable, waits: 3 * time.Second,
			mend: []step{firestore(works)},
		},
		{
			name: "none is configured, and the memory of the instance is full", config: withFirestore, capacity: 3,
			fault: []step{times(2, inTheMeantime(client))},
			gets:  unavailable,
			mend:  []step{timePasses},
		},
	})
}
