package gcp_test

import (
	"context"
	"crypto"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// wantKMSDeadline makes each call with a deadline of 300 ms and wants it to end by that, saying so.
func wantKMSDeadline(t *testing.T, keeper keys.Keeper) (errVersions error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var errAdd, errDisable, errDestroy error
	var wait sync.WaitGroup
	wait.Go(func() { _, errVersions = keeper.Versions(ctx) })
	wait.Go(func() { _, errAdd = keeper.Add(ctx, nil) })
	wait.Go(func() { errDisable = keeper.Disable(ctx, "1") })
	wait.Go(func() { errDestroy = keeper.Destroy(ctx, "1") })
	wait.Wait()
	for _, err := range []error{errVersions, errAdd, errDisable, errDestroy} {
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, gcp.ErrNotFound) {
			t.Errorf("got %v", err)
		}
		wantNamed(t, err)
	}
	return errVersions
}

func TestACallToTheKMSEndsByItsDeadline(t *testing.T) {
	t.Run("where_nobody_listens", func(t *testing.T) {
		_, raw := startKMS(t)
		address, server := kmsFront(t, raw, nil)
		server.Stop()
		if err := wantKMSDeadline(t, newKeeper(t, address)); !strings.Contains(err.Error(), "refused") {
			t.Errorf("%v does not say why", err)
		}
	})
	for name, slow := range map[string]func(any) bool{
		"where_the_key_hangs":         func(r any) bool { _, is := r.(*pb.GetCryptoKeyRequest); return is },
		"where_all_but_the_key_hangs": func(r any) bool { _, is := r.(*pb.GetCryptoKeyRequest); return !is },
	} {
		t.Run(name, func(t *testing.T) {
			_, raw := startKMS(t)
			newES256Keys(t, raw, 1)
			address, _ := kmsFront(t, raw, func(ctx context.Context, request any, forward func() (any, error)) (any, error) {
				if slow(request) {
					<-ctx.Done()
				}
				return forward()
			})
			_ = wantKMSDeadline(t, newKeeper(t, address))
		})
	}
	t.Run("where_a_public_key_hangs", func(t *testing.T) {
		_, raw := startKMS(t)
		newES256Keys(t, raw, 1)
		address, _ := kmsFront(t, raw, func(ctx context.Context, request any, forward func() (any, error)) (any, error) {
			if _, is := request.(*pb.GetPublicKeyRequest); is {
				<-ctx.Done()
			}
			return forward()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		versions, err := newKeeper(t, address).Versions(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || versions != nil {
			t.Errorf("got %v, %v", versions, err)
		}
	})
}

func TestAKMSThatComesBackIsUsedAgain(t *testing.T) {
	_, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	pass := func(_ context.Context, _ any, forward func() (any, error)) (any, error) { return forward() }
	address, server := kmsFront(t, raw, pass)
	keeper := newKeeper(t, address)
	key, err := jose.NewSigningKey(readVersions(t, keeper)[0].Signer, jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		server.Stop()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := keeper.Versions(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("in the outage: %v", err)
		}
		cancel()
		_, server = kmsFrontAt(t, address, raw, pass)
		wantTokenOf(t, key)
		readVersions(t, keeper)
	}
}

func TestASignatureSurvivesAConnectionThatBreaks(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	proxy := newLane(t, address)
	signer := readVersions(t, newKeeper(t, proxy.Addr().String()))[0].Signer
	for range 20 {
		proxy.cut()
		if _, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256); err != nil {
			t.Fatal(err)
		}
	}
}
