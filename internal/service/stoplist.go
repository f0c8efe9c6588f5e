package service

import (
	"example.com/countersign/internal/config"
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
			Source: b.Secrets(secret), Read: readStops, Now: b.Now, Log: b.Log.With("secret", secret),
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
