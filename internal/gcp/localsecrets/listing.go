package localsecrets

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The sizes of a page: what a request without one gets, and the limit that Google documents. Google does not say what it
// gives by default; this is small, so that paging is met on a laptop as well.
const (
	defaultPageSize = 100
	maximumPageSize = 25_000
)

// ListSecrets lists a project's secrets, newest first.
func (s *service) ListSecrets(_ context.Context, request *pb.ListSecretsRequest) (*pb.ListSecretsResponse, error) {
	parent, err := parseProject(request.GetParent())
	if err != nil {
		return nil, err
	}
	if request.GetFilter() != "" {
		return nil, status.Error(codes.Unimplemented, "The local Secret Manager has no filters for secrets.")
	}
	all := make(map[string]*pb.Secret)
	for name, kept := range s.store.read() {
		if strings.HasPrefix(name, parent+"/") {
			all[fmt.Sprintf("%020d %s", math.MaxInt64-kept.Created.UnixMicro(), name)] = kept.proto()
		}
	}
	items, next, err := page(all, request)
	if err != nil {
		return nil, err
	}
	return &pb.ListSecretsResponse{Secrets: items, NextPageToken: next, TotalSize: int32(len(all))}, nil //nolint:gosec // a laptop has fewer secrets
}

// ListSecretVersions lists a secret's versions in all states, newest first, or those in one state.
func (s *service) ListSecretVersions(_ context.Context, request *pb.ListSecretVersionsRequest) (*pb.ListSecretVersionsResponse, error) {
	name, err := parseSecret(request.GetParent())
	if err != nil {
		return nil, err
	}
	only, err := parseFilter(request.GetFilter())
	if err != nil {
		return nil, err
	}
	found, err := s.store.read().find(name)
	if err != nil {
		return nil, err
	}
	matching := make(map[string]*pb.SecretVersion)
	for i := range found.Versions {
		if only == "" || found.Versions[i].State == only {
			matching[fmt.Sprintf("%010d", math.MaxInt32-i)] = found.version(i + 1).proto()
		}
	}
	items, next, err := page(matching, request)
	if err != nil {
		return nil, err
	}
	answer := &pb.ListSecretVersionsResponse{Versions: items, NextPageToken: next}
	if only == "" {
		answer.TotalSize = int32(len(matching)) //nolint:gosec // fewer, too; and 0 where a filter is set, says the API
	}
	return answer, nil
}

// parseFilter knows the one filter that is of use for versions, state:X.
func parseFilter(filter string) (state, error) {
	if filter == "" {
		return "", nil
	}
	wanted, found := strings.CutPrefix(filter, "state:")
	switch state(wanted) {
	case enabled, disabled, destroyed:
		if found {
			return state(wanted), nil
		}
	}
	return "", status.Errorf(codes.Unimplemented, "The local Secret Manager knows only the filters state:%s, state:%s and state:%s.",
		enabled, disabled, destroyed)
}

// pageRequest is what the two list requests have in common.
type pageRequest interface {
	GetPageSize() int32
	GetPageToken() string
}

// page cuts one page out of the items, in the order of their keys. The token for the next one says where this one ended, and
// not how many items came before: what is added or removed between two pages neither repeats an item nor hides one.
func page[T any](items map[string]T, request pageRequest) (cut []T, next string, err error) {
	after, err := base64.RawURLEncoding.DecodeString(request.GetPageToken())
	if err != nil {
		return nil, "", status.Error(codes.InvalidArgument, "The page token is not one of this server.")
	}
	size := int(request.GetPageSize())
	switch {
	case size < 0:
		return nil, "", status.Error(codes.InvalidArgument, "The page size is negative.")
	case size == 0:
		size = defaultPageSize
	}
	size = min(size, maximumPageSize)

	ordered := slices.Sorted(maps.Keys(items))
	last := ""
	for _, key := range ordered {
		if key <= string(after) {
			continue
		}
		if len(cut) == size {
			return cut, base64.RawURLEncoding.EncodeToString([]byte(last)), nil
		}
		cut, last = append(cut, items[key]), key
	}
	return cut, "", nil
}
