package failures

import "testing"

// What one client does is not felt by another.
func TestClients(t *testing.T) {
	play(t, []row{
		{
			name:  "one asks 60 times in a minute for what it may not have",
			fault: []step{times(60, inTheMeantime(tooMuch))},
			gets:  turnedAway, others: introspection,
			mend: []step{timePasses},
		},
	})
}
