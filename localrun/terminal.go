package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
)

// width is how wide what we print is at most, lines for the shell and the names of files excepted.
const width = 79

// terminal is where people read.
type terminal struct {
	out    io.Writer
	colour bool
}

// newTerminal colours what goes to a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb say otherwise.
func newTerminal(file *os.File, getenv func(string) string) terminal {
	info, err := file.Stat()
	isTerminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if runtime.GOOS == "windows" {
		// The older console prints escape sequences as they are; Windows Terminal says who it is.
		isTerminal = isTerminal && getenv("WT_SESSION") != ""
	}
	return terminal{file, isTerminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"}
}

// printf prints, and drops the error: a terminal that is gone can be told nothing.
func (t terminal) printf(format string, values ...any) { _, _ = fmt.Fprintf(t.out, format, values...) }

// style is how a piece of text looks, as the parameter of a Select Graphic Rendition sequence (ECMA-48 §8.3.117).
type style string

const (
	normal style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	cyan   style = "36"
)

func (t terminal) styled(s style, text string) string {
	if !t.colour || s == normal || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// clip shortens text to a width in characters, and shows that it did.
func clip(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// pad fills text up with spaces to a width in characters.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// milliseconds writes how long a step took, in seven columns; nothing where that was not measured.
func milliseconds(took time.Duration) string {
	if took == 0 {
		return ""
	}
	ms := float64(took) / float64(time.Millisecond)
	if ms < 99.95 {
		return fmt.Sprintf("%4.1f ms", ms)
	}
	return fmt.Sprintf("%4.0f ms", ms)
}

// shellWord quotes text for a POSIX shell where it needs that.
func shellWord(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// invocation is how this program was called, for the lines that a user is to paste. What `go run` has built lies in a
// cache, under a name that nobody types.
func invocation(name string) string {
	folder := filepath.ToSlash(filepath.Dir(name))
	isCached := regexp.MustCompile(`/go-build\d+/|/[0-9a-f]{64}-d$`).MatchString(folder)
	if !isCached {
		return shellWord(name)
	}
	if _, err := os.Stat(filepath.Join("localrun", "main.go")); err != nil {
		return "go run example.com/countersign/localrun"
	}
	return "go run ./localrun"
}
