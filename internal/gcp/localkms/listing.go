package localkms

import (
	"context"
	"strconv"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The sizes of a page: what a request without one gets, and the most. Google gives neither; these are small, so that
// paging is met in tests.
const (
	defaultPageSize = 100
	maximumPageSize = 1000
)

// ListCryptoKeyVersions lists a key's versions in all states, oldest first. The token for the next page is the number
// of the last version of this one, so that what is added between two pages neither repeats a version nor hides one.
func (s *service) ListCryptoKeyVersions(_ context.Context, request *pb.ListCryptoKeyVersionsRequest) (*pb.ListCryptoKeyVersionsResponse, error) {
	if request.GetFilter() != "" || request.GetOrderBy() != "" {
		return nil, status.Error(codes.Unimplemented, "The local KMS has no filters and one order.")
	}
	after, size, err := parsePage(request)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	parent, err := s.find(request.GetParent())
	if err != nil {
		return nil, err
	}
	total := len(parent.versions)
	answer := &pb.ListCryptoKeyVersionsResponse{TotalSize: int32(total)} //nolint:gosec // a test has fewer versions
	now := s.now()
	for number := after + 1; number <= min(after+size, total); number++ {
		listed := parent.version(number)
		listed.settle(now)
		answer.CryptoKeyVersions = append(answer.CryptoKeyVersions, listed.proto())
	}
	if after+size < total {
		answer.NextPageToken = strconv.Itoa(after + size)
	}
	return answer, nil
}

func parsePage(request *pb.ListCryptoKeyVersionsRequest) (after, size int, err error) {
	if token := request.GetPageToken(); token != "" {
		number, err := strconv.ParseUint(token, 10, 31)
		if err != nil {
			return 0, 0, status.Error(codes.InvalidArgument, "The page token is not one of this server.")
		}
		after = int(number)
	}
	switch size = int(request.GetPageSize()); {
	case size < 0:
		return 0, 0, status.Error(codes.InvalidArgument, "The page size is negative.")
	case size == 0:
		return after, defaultPageSize, nil
	default:
		return after, min(size, maximumPageSize), nil
	}
}
