package refresh

import (
	"log/slog"
	"strings"
	"time"
)

// Failure is a load that failed, and what that means for those who ask meanwhile.
type Failure struct {
	Err error
	// Serving reports whether a value serves on. If not, whoever asks gets the error.
	Serving bool
	Age     time.Duration // of that value; 0: it is the initial one, whose age nobody knows here
	Left    time.Duration // how much longer it may serve
}

// consequence says what serves on at this time.
func (v *Value[T]) consequence(err error, now time.Time) Failure {
	if current := v.current.Load(); current != nil {
		age := now.Sub(current.at)
		if age < v.config.Stale {
			return Failure{Err: err, Serving: true, Age: age, Left: v.config.Stale - age}
		}
	} else if v.config.Initial != nil && now.Before(v.config.InitialUntil) {
		return Failure{Err: err, Serving: true, Left: v.config.InitialUntil.Sub(now)}
	}
	return Failure{Err: err}
}

// LogTo returns a Failed that writes a line for each failure: the event load_failed, which metrics count. what is the kind
// of thing that could not be loaded, in snake_case; log names its source. age and left are in seconds.
func LogTo(log *slog.Logger, what string) func(Failure) {
	thing := strings.ReplaceAll(what, "_", " ")
	return func(failed Failure) {
		log := log.With("event", "load_failed", "what", what, "error", failed.Err.Error())
		if !failed.Serving {
			log.Error(thing+" could not be loaded, and nothing serves in its place", "serving", "nothing")
			return
		}
		if failed.Age > 0 {
			log = log.With("age", int64(failed.Age.Seconds()))
		}
		log.Error(thing+" could not be loaded; what there was serves on", "serving", "last_good", "left", int64(failed.Left.Seconds()))
	}
}
