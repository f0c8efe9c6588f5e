package difference_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/difference"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// TestWhereNothingWidensNobodyGains draws pairs of configurations, serves both, and asks both: where no change widens,
// the one after grants nothing that the one before would not have granted to the same caller.
func TestWhereNothingWidensNobodyGains(t *testing.T) {
	w := newWorld(t)
	folder := t.TempDir()
	writeSigningKey(t, w, filepath.Join(folder, "keys"))
	var narrow, compared, wide, shown int
	for seed := range uint64(drawings) {
		random := rand.New(rand.NewPCG(seed, 4))
		before := w.draw(random)
		was := serve(t, folder, before)
		known := before.granting(t, random, was)
		for range edits {
			after := before.clone()
			edited := after.edit(random)
			if random.IntN(3) == 0 {
				edited = after.edit(random)
			}
			is := serve(t, folder, after)
			changes, err := difference.Compare(was.document(), is.document())
			if err != nil {
				t.Fatal(err)
			}
			tokens, gain := pair{was, is}.ask(t, append(after.requests(random, edited), known...))
			switch widens := difference.Widens(changes); {
			case !widens && gain != "":
				t.Fatalf("seed %d: %s, and nothing widens:\n%s\nbefore:\n%s\nafter:\n%s",
					seed, gain, list(changes), before.write(t), after.write(t))
			case !widens:
				narrow++
				compared += tokens
			default:
				wide++
				if gain != "" {
					shown++
				}
			}
		}
	}
	t.Logf("in %d pairs nothing widens, and %d of their tokens were compared; in %d of %d others a request gained", narrow, compared, shown, wide)
	if narrow < wide/2 || compared < 2*narrow || shown < wide/3 {
		t.Error("the drawing is lopsided: too little was compared")
	}
}

// granting draws requests that the service grants: what they get can become less or more.
func (d drawing) granting(t *testing.T, random *rand.Rand, s *served) (known []drawnRequest) {
	t.Helper()
	for range 3 {
		for _, request := range d.requests(random, "") {
			if request.send(t, s).claims != nil {
				known = append(known, request)
			}
		}
	}
	return known
}

// requests draws some, mostly on the word of this party.
func (d drawing) requests(random *rand.Rand, party string) []drawnRequest {
	drawn := make([]drawnRequest, 20)
	for i := range drawn {
		drawn[i] = d.drawRequest(random, party)
	}
	return drawn
}

// pair is two configurations at work.
type pair struct{ was, is *served }

// ask reports how many of the requests the service after grants, and what the first was that gained.
func (p pair) ask(t *testing.T, requests []drawnRequest) (tokens int, gain string) {
	t.Helper()
	for _, asked := range requests {
		got := asked.send(t, p.is)
		if got.claims == nil {
			continue
		}
		tokens++
		more := asked.gains(got, func(r drawnRequest) granted { return r.send(t, p.was) })
		if len(more) > 0 && gain == "" {
			gain = fmt.Sprintf("%+v gains %+v for %v", asked, got, more)
		}
	}
	return tokens, gain
}

// served is one configuration at work.
type served struct {
	configuration *config.Config
	handler       http.Handler
	sent          int
}

func serve(t *testing.T, folder string, drawn drawing) *served {
	t.Helper()
	document := drawn.write(t)
	made, configuration, faults := service.Load("config.yaml", document, service.Surroundings{
		Secrets: func(string) keys.Source { return nil },
		Folder:  folder,
		Now:     func() time.Time { return noon },
		Log:     server.NewLog(io.Discard),
	})
	if err := faults.Err(); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return &served{configuration: configuration, handler: made.Server.Handler()}
}

func (s *served) document() difference.Document {
	return difference.Document{Configuration: s.configuration}
}

// method returns how a client is registered to authenticate.
func (s *served) method(client string) string {
	for _, registered := range s.configuration.Clients {
		if registered.ID == client {
			return registered.Authentication
		}
	}
	return ""
}

func writeSigningKey(t *testing.T, w *world, folder string) {
	t.Helper()
	private, err := w.keys[0].EncodePKCS8()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "first.pem")
	if err := os.WriteFile(file, private, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, noon, noon); err != nil {
		t.Fatal(err)
	}
}
