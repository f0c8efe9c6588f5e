package service

import (
	"context"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/statuslist"
	"example.com/countersign/internal/stoplist"
)

// stopList builds what follows the stop list; nil: nobody is stopped.
func (b *builder) stopList() (*stoplist.Following, error) {
	secret := b.config.StopList.Secret
	if secret == "" {
		return nil, nil
	}
	return keep(b, partKey{kind: "stop list", place: secret}, func() (*stoplist.Following, error) {
		return stoplist.Follow(stoplist.Config{
			Source: b.Secrets(secret), Read: readStops, Now: b.Now, Log: b.Log.With("source", secret),
		})
	})
}

// readStops reads one version of it.
func readStops(name string, document []byte) ([]stoplist.Entry, error) {
	stops, faults := config.LoadStops(name, document)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	entries := make([]stoplist.Entry, len(stops))
	for i, stop := range stops {
		entries[i] = stoplist.Entry{
			Place:  stop.At.String(),
			Issuer: stop.Issuer, Client: stop.Client, KeyID: stop.KeyID, Subject: stop.Subject, ID: stop.ID,
			IssuedBefore: stop.IssuedBefore,
		}
	}
	return entries, nil
}

// stopped asks the list about a token that comes back.
func stopped(stops *stoplist.Following) issued.Stop {
	return func(ctx context.Context, token issued.Token) (bool, error) {
		is, err := stops.Stopped(ctx, token)
		if err != nil {
			return false, oauth.Unavailable("stop_list_unavailable", err)
		}
		return is, nil
	}
}

// statusList builds what publishes which tokens have been taken back; nil: no resource wants to know.
func (b *builder) statusList(own *ownKeys) (*statuslist.Publisher, error) {
	if len(b.listed()) == 0 {
		return nil, nil
	}
	return statuslist.New(statuslist.Config{
		Issuer:    b.config.Issuer,
		URI:       statusListURI(b.config),
		Keys:      func(ctx context.Context) (statuslist.Signer, error) { return own.first.SigningKey(ctx) },
		TakenBack: []func(context.Context) ([]string, error){b.stoppedIDs},
		Now:       b.Now,
	})
}

// stoppedIDs returns the tokens that the stop list names one by one. Those that it stops by whom they are about are not
// known by their jti here.
func (b *builder) stoppedIDs(ctx context.Context) ([]string, error) {
	list, err := b.stops.List(ctx)
	return list.IDs(), err
}

// listed returns the resources whose tokens say where on the status list they are.
func (b *builder) listed() map[string]bool {
	listed := map[string]bool{}
	for _, resource := range b.config.Resources {
		if resource.StatusList {
			listed[resource.ID] = true
		}
	}
	return listed
}

func statusListURI(configuration *config.Config) string {
	return server.Endpoint(configuration.Issuer, server.StatusListPath)
}
