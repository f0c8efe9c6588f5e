package countersign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"example.com/countersign/internal/keys"
)

// rotationTimeout bounds a rotation. Where Secret Manager does not answer it is better to be asked again.
const rotationTimeout = 10 * time.Second

// rotateKeys acts on what Secret Manager has to say about a secret, which Pub/Sub delivers at least once, and in no
// particular order. An error makes Pub/Sub deliver the notice again: it is for what another attempt can mend. What can
// never be acted on is refused in the log and taken, or it would come back for days.
func (d *deployed) rotateKeys(ctx context.Context, delivered event.Event) error {
	ctx, cancel := context.WithTimeout(ctx, rotationTimeout)
	defer cancel()
	about, err := readNotice(delivered)
	if err != nil {
		d.surroundings.Log.ErrorContext(ctx, "a notice is refused", "event", "rotation", "id", delivered.ID(), "error", err.Error())
		return nil
	}
	if about.kind != rotationDue && about.kind != versionAdded && about.kind != versionEnabled {
		return nil // Of every change to a secret there is a notice, of those too that a rotation makes.
	}
	withNotice := d.surroundings.Log.With("secret", about.secret, "asked", about.asked.UTC().Format(time.RFC3339))
	log := withNotice.With("event", "rotation")
	ring, err := d.ringOf(ctx, about)
	if errors.Is(err, errForeignSecret) && about.kind != rotationDue {
		return nil
	}
	if errors.Is(err, errForeignSecret) {
		log.ErrorContext(ctx, "a notice is refused", "error", err.Error())
		return nil
	}
	var done keys.Rotation
	ring.Log = withNotice // what it finds are events of their own
	switch {
	case err != nil:
	case about.kind == rotationDue:
		done, err = keys.Rotate(ctx, ring, about.asked)
	default:
		if done.Published, err = keys.Publish(ctx, ring); err == nil && len(done.Published) == 0 {
			return nil
		}
	}
	return record(ctx, log, done, err)
}

// record writes the audit line of a rotation, and returns what the notice is answered with. A failure is logged here as
// well as returned: the framework writes what is returned to it as plain text, where no alert looks.
func record(ctx context.Context, log *slog.Logger, done keys.Rotation, err error) error {
	log = log.With("added", done.Added, "disabled", done.Disabled, "destroyed", done.Destroyed, "published", done.Published)
	if err != nil {
		log.ErrorContext(ctx, "a rotation failed, and the notice is wanted again", "error", err.Error())
		return fmt.Errorf("rotating keys: %w", err)
	}
	log.InfoContext(ctx, "rotation")
	return nil
}

// notice is what Secret Manager says in its attributes of a message ("Event notifications" in its documentation).
type notice struct {
	kind   string // eventType
	secret string // projects/NUMBER/secrets/S
	asked  time.Time
}

// The kinds of notices that are acted on. After the latter two, which come of what is done by hand as well, there may be
// a public half to add.
const (
	rotationDue    = "SECRET_ROTATE"
	versionAdded   = "SECRET_VERSION_ADD"
	versionEnabled = "SECRET_VERSION_ENABLE"
)

// readNotice reads the data of a google.cloud.pubsub.topic.v1.messagePublished event. The time of the notice is what
// makes a rotation happen once, so that one without it is refused.
func readNotice(delivered event.Event) (notice, error) {
	var data struct {
		Message struct {
			Attributes  map[string]string `json:"attributes"`
			PublishTime time.Time         `json:"publishTime"`
		} `json:"message"`
	}
	if err := json.Unmarshal(delivered.Data(), &data); err != nil {
		return notice{}, errors.New("the event holds no Pub/Sub message")
	}
	attributes := data.Message.Attributes
	about := notice{kind: attributes["eventType"], secret: attributes["secretId"], asked: data.Message.PublishTime}
	if at, err := time.Parse(time.RFC3339, attributes["timestamp"]); err == nil {
		about.asked = at
	}
	switch {
	case about.kind == "":
		return notice{}, errors.New("the message is no notice of Secret Manager: it has no eventType")
	case about.kind == rotationDue && about.secret == "":
		return notice{}, errors.New("the notice names no secret")
	case about.kind == rotationDue && about.asked.IsZero():
		return notice{}, errors.New("the notice has no time")
	}
	return about, nil
}

// errForeignSecret says that a notice is about a secret that is none of ours.
var errForeignSecret = errors.New("the configuration has no keys of ours in this secret")

// ringOf returns the ring that a notice is about, if that has something to do for it: without a rotation, only one whose
// public halves are kept. Notices name the project by its number, where the configuration may have its ID: what Secret
// Manager itself calls the secrets of the configuration decides.
func (d *deployed) ringOf(ctx context.Context, about notice) (keys.Config, error) {
	current, err := d.current(ctx)
	if err != nil {
		return keys.Config{}, err
	}
	for _, ring := range current.Configuration.KeyRings() {
		if ring.Secret == "" || lastSegment(ring.Secret) != lastSegment(about.secret) ||
			about.kind != rotationDue && ring.PublicKeys == "" {
			continue
		}
		name := ring.Secret
		if name != about.secret {
			if name, err = d.secrets.CanonicalName(ctx, ring.Secret); err != nil {
				return keys.Config{}, err
			}
		}
		if name == about.secret {
			found := d.surroundings.RingConfig(current.Configuration, ring, d.secrets.Keeper(ring.Secret))
			if ring.PublicKeys != "" {
				found.Public = d.secrets.Keeper(ring.PublicKeys)
			}
			return found, nil
		}
	}
	return keys.Config{}, errForeignSecret
}

func lastSegment(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
