package federation

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"example.com/countersign/internal/jose"
)

// maxChains is how many chains of one party are remembered. A party has one for each of its instances that was started
// at another time, and few anchors.
const maxChains = 16

// digest names a chain by every byte of it.
type digest [sha256.Size]byte

func digestOf(texts []string) digest {
	hash := sha256.New()
	for _, text := range texts {
		// With the length in front, no two chains are the same bytes.
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(text))))
		hash.Write([]byte(text))
	}
	return digest(hash.Sum(nil))
}

// validated is what a good chain leads to.
type validated struct {
	keys  jose.KeySet
	until time.Time // when it has to be looked at again
}

// memory remembers good chains, since the same one comes with every assertion until it expires, and to verify it costs
// as much as four to seven assertions. It is safe for concurrent use.
type memory struct {
	mutex  sync.Mutex
	chains map[digest]validated
}

// find returns what a chain led to, if that is still so.
func (m *memory) find(chain digest, now time.Time) (jose.KeySet, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, found := m.chains[chain]
	if !found || !now.Before(known.until) {
		return nil, false
	}
	return known.keys, true
}

// remember forgets another chain where there are too many. That one is looked at again when it comes.
func (m *memory) remember(chain digest, result validated) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for other := range m.chains {
		if len(m.chains) < maxChains {
			break
		}
		delete(m.chains, other)
	}
	m.chains[chain] = result
}
