package statuslist

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

// vector is Appendix C.1 of the draft: the places whose bit is set, and lst.
var vector = []int{0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345}

const vectorList = "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" +
	"AAAAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADje" +
	"lAAAAAAAAAAAKjDMAQAAAACAZC8L2AEb"

// bits decodes lst as §8.3 has it, and returns the places whose bit is set.
func bits(t *testing.T, lst string) (set []int) {
	t.Helper()
	compressed, err := base64.RawURLEncoding.DecodeString(lst)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	array, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(array) != Size/8 {
		t.Fatalf("the list has %d bytes", len(array))
	}
	for index := range Size {
		if array[index/8]>>(index%8)&1 == 1 {
			set = append(set, index)
		}
	}
	return set
}

// The compressor is another than the draft's, so its text is another, and says the same.
func TestTheListIsTheOneOfTheTestVector(t *testing.T) {
	if got := bits(t, vectorList); !slices.Equal(got, vector) {
		t.Fatalf("the test does not read the vector: %v", got)
	}
	lst, err := compress(vector)
	if err != nil {
		t.Fatal(err)
	}
	if got := bits(t, lst); !slices.Equal(got, vector) {
		t.Errorf("got %v, want %v", got, vector)
	}
	if len(lst) > 2*len(vectorList) {
		t.Errorf("it has %d characters, and the draft's %d", len(lst), len(vectorList))
	}
}

// Each of the twenty digits of a place, in binary, is a list by itself: read together they name every place, so each has its
// own bit and no other.
func TestEveryPlaceIsABitOfItsOwn(t *testing.T) {
	var read [Size]int
	for digit := range 20 {
		var set []int
		for index := range Size {
			if index>>digit&1 == 1 {
				set = append(set, index)
			}
		}
		lst, err := compress(set)
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range bits(t, lst) {
			read[index] |= 1 << digit
		}
	}
	for index, got := range read {
		if got != index {
			t.Fatalf("the bit of place %d is at %d", got, index)
		}
	}
	for _, alone := range []int{0, 7, 8, Size - 8, Size - 1} {
		lst, err := compress([]int{alone})
		if err != nil {
			t.Fatal(err)
		}
		if got := bits(t, lst); !slices.Equal(got, []int{alone}) {
			t.Errorf("place %d sets %v", alone, got)
		}
	}
}

func TestAPlaceFollowsFromTheTokenAlone(t *testing.T) {
	const uri = "https://auth.example.com/statuslists/1"
	const tokens = 20000
	places := map[int]bool{}
	same := 0
	for range tokens {
		id := randomID()
		index := Index(uri, id)
		if index < 0 || index >= Size || index != Index(uri, id) {
			t.Fatalf("place %d", index)
		}
		if index == Index("https://other.example.com/statuslists/1", id) {
			same++
		}
		places[index] = true
	}
	// As many meet as at random: n²/2·Size of n tokens, about 191.
	if met := tokens - len(places); met < 100 || met > 300 {
		t.Errorf("%d of %d tokens share a place", met, tokens)
	}
	if same > 5 {
		t.Errorf("%d of %d have one place on two lists", same, tokens)
	}
}

func randomID() string {
	var id [26]byte
	for i := range id {
		id[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[rand.IntN(32)]
	}
	return string(id[:])
}
