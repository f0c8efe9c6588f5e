package failures

import (
	"testing"
	"time"
)

// Clocks may differ by clock_skew, 10 s. In these rows an assertion is good for five minutes.
func TestClocks(t *testing.T) {
	play(t, []row{
		{
			name:  "the client's is 5 s ahead",
			fault: []step{clockOfTheClient(5 * time.Second)},
			gets:  good,
		},
		{
			name:  "the client's is 30 s ahead",
			fault: []step{clockOfTheClient(30 * time.Second)},
			gets:  badClient,
			mend:  []step{clockOfTheClient(0)},
		},
		{
			name:  "the client's is 2 min ahead",
			fault: []step{clockOfTheClient(2 * time.Minute)},
			gets:  badClient,
			mend:  []step{clockOfTheClient(0)},
		},
		{
			name:  "the client's is 4 min behind",
			fault: []step{clockOfTheClient(-4 * time.Minute)},
			gets:  good,
		},
		{
			name:  "the client's is 10 min behind",
			fault: []step{clockOfTheClient(-10 * time.Minute)},
			gets:  badClient,
			mend:  []step{clockOfTheClient(0)},
		},
		{
			name:  "an instance's is 30 s behind",
			fault: []step{clockOfTheInstance(-30 * time.Second)},
			gets:  badClient,
			mend:  []step{clockOfTheInstance(0)},
		},
		{
			name:  "an instance's is 1 min ahead",
			fault: []step{clockOfTheInstance(time.Minute)},
			gets:  good,
		},
		{
			name:  "an instance's is 10 min ahead",
			fault: []step{clockOfTheInstance(10 * time.Minute)},
			gets:  badClient,
			mend:  []step{clockOfTheInstance(0)},
		},
		{
			name:  "an instance's was 1 h ahead, and is set right",
			fault: []step{clockOfTheInstance(time.Hour), anInstanceStarts, inTheMeantime(clientOneHourAhead), clockOfTheInstance(0)},
			gets:  good,
		},
		{
			name:  "an API's is 5 min behind",
			fault: []step{clockOfTheAPI(-5 * time.Minute)},
			gets:  good,
		},
		{
			name:  "an API's is ahead by more than tokens live",
			fault: []step{clockOfTheAPI(time.Hour + 11*time.Second)},
			gets:  good, refused: true,
		},
	})
}

func clientOneHourAhead(w *world) request {
	defer func(was time.Duration) { w.clientIs = was }(w.clientIs)
	w.clientIs = time.Hour
	return client(w)
}
