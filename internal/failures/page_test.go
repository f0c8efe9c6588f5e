package failures

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write what was seen into docs/operations/failures.md")

var page = filepath.Join("..", "..", "docs", "operations", "failures.md")

// writing keeps two sections from being written at a time.
var writing sync.Mutex

// table is what a test has seen: a part of the page, below the line that names the test. The first column of a line is the
// name of the test that has seen it.
type table struct {
	t       *testing.T
	columns []string
	rows    []string // their names, in order

	mu   sync.Mutex
	seen map[string]string // the line of each
}

// newTable compares the page with what has been seen when the test, with all its rows, is over.
func newTable(t *testing.T, columns ...string) *table {
	t.Helper()
	made := &table{t: t, columns: columns, seen: map[string]string{}}
	t.Cleanup(made.compare)
	return made
}

// expect says that there is a row of this name.
func (p *table) expect(name string) { p.rows = append(p.rows, name) }

// record keeps what a row has seen.
func (p *table) record(name string, cells ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen[name] = line(append([]string{name}, cells...)...)
}

func line(cells ...string) string { return "| " + strings.Join(cells, " | ") + " |\n" }

// compare holds the page against it. Where not every row has run, as with -run, or one has failed, there is nothing to
// write.
func (p *table) compare() {
	writing.Lock()
	defer writing.Unlock()
	text, err := os.ReadFile(page)
	if err != nil {
		p.t.Fatal(err)
	}
	marker := "<!-- seen by " + p.t.Name() + " -->\n\n"
	before, rest, found := strings.Cut(string(text), marker)
	if !found {
		p.t.Fatalf("the page has no line %q", marker)
	}
	told, after, _ := strings.Cut(rest+"\n\n", "\n\n")
	if *update && len(p.seen) == len(p.rows) && !p.t.Failed() {
		written := strings.TrimRight(before+marker+p.whole()+"\n"+after, "\n") + "\n"
		if err := os.WriteFile(page, []byte(written), 0o644); err != nil {
			p.t.Fatal(err)
		}
		return
	}
	for _, name := range p.rows {
		if seen := p.seen[name]; seen != "" && !strings.Contains(told+"\n", seen) {
			p.t.Errorf("the page does not say what was seen (-update writes it):\n%s", seen)
		}
	}
	if lines := strings.Count(told, "\n") - 1; lines != len(p.rows) {
		p.t.Errorf("the page has %d lines of %d rows", lines, len(p.rows))
	}
}

func (p *table) whole() string {
	all := line(p.columns...) + strings.Repeat("|---", len(p.columns)) + "|\n"
	for _, name := range p.rows {
		all += p.seen[name]
	}
	return all
}
