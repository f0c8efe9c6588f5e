package gcp

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"strconv"
	"time"

	firestore "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// documentName names a document by what it is about. The parts are hashed with their lengths, so that no two names run
// into each other, and keyed with the issuer, so that those of two issuers do not. The key need not be secret. Nobody can
// aim for a collision of SHA-256, whatever he knows, and the hash is there for length and form, not to hide a jti:
// who may read the collection learns nothing of use from having guessed one, since it has been used or taken back.
//
// Firestore reserves names of the form __…__. This one cannot be: it ends with four bits in six, which are never "_".
func documentName(database, collection, issuer string, parts ...string) string {
	text := make([]byte, 0, 256)
	for _, part := range parts {
		text = strconv.AppendInt(text, int64(len(part)), 10)
		text = append(append(text, ':'), part...)
	}
	mac := hmac.New(sha256.New, []byte(issuer))
	mac.Write(text)
	id := base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	return database + "/documents/" + collection + "/" + id
}

// errUnanswered is about an answer that leaves a document out. It must not pass for one that does not exist.
var errUnanswered = errors.New("the answer ended before it was complete")

// readDocuments returns documents by their names; nil: there is none.
func readDocuments(ctx context.Context, client *firestore.Client, database string, names []string) (map[string]*pb.Document, error) {
	request := &pb.BatchGetDocumentsRequest{Database: database, Documents: names}
	stream, err := client.BatchGetDocuments(ctx, request, withoutRetry())
	if err != nil {
		return nil, err
	}
	found := make(map[string]*pb.Document)
	for {
		answer, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			for _, name := range names {
				if _, answered := found[name]; !answered {
					return nil, errUnanswered
				}
			}
			return found, nil
		case err != nil:
			return nil, err
		}
		if document := answer.GetFound(); document != nil {
			found[document.GetName()] = document
		} else if name := answer.GetMissing(); name != "" {
			found[name] = nil
		}
	}
}

// persistently calls until the answer is neither UNAVAILABLE, which is also what a connection that breaks amounts to,
// nor ABORTED, which is what Firestore says where too many write the same; for as long as the context allows, with
// short pauses. Unlike patiently it is for a call that somebody waits for.
func persistently[T any](ctx context.Context, call func() (T, error)) (T, error) {
	pauses := gax.Backoff{Initial: 50 * time.Millisecond, Max: 500 * time.Millisecond, Multiplier: 2}
	for {
		result, err := call()
		if code := status.Code(err); code != codes.Unavailable && code != codes.Aborted {
			return result, err
		}
		if gax.Sleep(ctx, pauses.Pause()) != nil {
			return result, err
		}
	}
}
