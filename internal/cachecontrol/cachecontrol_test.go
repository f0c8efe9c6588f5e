package cachecontrol_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/cachecontrol"
)

// epoch is when the answers come, and silent for how long one is good that does not say.
var epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

const silent = 5 * time.Minute

// header is the headers of an answer, each as "Name: value". It was sent an hour after epoch, by its own clock.
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// date is a moment as HTTP writes it, so long after epoch.
func date(after time.Duration) string { return epoch.Add(after).Format(http.TimeFormat) }

// RFC 9111 §4.2. What is 0 or less counts as the shortest time.
func TestLifetime_is_how_long_an_answer_is_good(t *testing.T) {
	const forever = 1_000_000_000 * time.Second
	for name, test := range map[string]struct {
		headers []string
		want    time.Duration
	}{
		"nothing":               {nil, silent},
		"something else":        {[]string{"ETag: \"1\"", "Pragma: no-cache", "Last-Modified: " + date(-time.Hour)}, silent},
		"no lifetime":           {[]string{"Cache-Control: public, must-revalidate, s-maxage=7"}, silent},
		"an empty one":          {[]string{"Cache-Control: "}, silent},
		"max-age":               {[]string{"Cache-Control: max-age=600"}, 10 * time.Minute},
		"max-age among others":  {[]string{"Cache-Control: public,max-age=600 , must-revalidate"}, 10 * time.Minute},
		"on a second line":      {[]string{"Cache-Control: public", "Cache-Control: max-age=600"}, 10 * time.Minute},
		"in capitals":           {[]string{"Cache-Control: Public, MAX-AGE=600"}, 10 * time.Minute},
		"in quotes":             {[]string{`Cache-Control: max-age="600"`}, 10 * time.Minute},
		"empty members":         {[]string{"Cache-Control: ,, ,max-age=600,"}, 10 * time.Minute},
		"max-age before s-":     {[]string{"Cache-Control: max-age=600, s-maxage=7"}, 10 * time.Minute},
		"leading zeros":         {[]string{"Cache-Control: max-age=0000000000000000000000600"}, 10 * time.Minute},
		"a year":                {[]string{"Cache-Control: max-age=31536000"}, 365 * 24 * time.Hour},
		"a number that is long": {[]string{"Cache-Control: max-age=99999999999999999999999"}, forever},
		"2^63 nanoseconds":      {[]string{"Cache-Control: max-age=9223372037"}, forever},
		"2^62":                  {[]string{"Cache-Control: max-age=4611686018427387904"}, forever},
		"2^63":                  {[]string{"Cache-Control: max-age=9223372036854775808"}, forever},
		"none":                  {[]string{"Cache-Control: max-age=0"}, 0},

		"no-store":                     {[]string{"Cache-Control: no-store"}, 0},
		"no-cache":                     {[]string{"Cache-Control: no-cache"}, 0},
		"no-store beside max-age":      {[]string{"Cache-Control: max-age=600, no-store"}, 0},
		"no-cache on a second line":    {[]string{"Cache-Control: max-age=600", "Cache-Control: No-Cache"}, 0},
		"no-cache of one field":        {[]string{`Cache-Control: no-cache="Set-Cookie", max-age=600`}, 0},
		"no-store beside Expires":      {[]string{"Cache-Control: no-store", "Expires: " + date(2*time.Hour)}, 0},
		"a negative one":               {[]string{"Cache-Control: max-age=-600"}, 0},
		"one with a sign":              {[]string{"Cache-Control: max-age=+600"}, 0},
		"one with a fraction":          {[]string{"Cache-Control: max-age=600.5"}, 0},
		"one in words":                 {[]string{"Cache-Control: max-age=ten"}, 0},
		"one without a number":         {[]string{"Cache-Control: max-age"}, 0},
		"one with an empty number":     {[]string{"Cache-Control: max-age="}, 0},
		"other digits":                 {[]string{"Cache-Control: max-age=６００"}, 0},
		"two":                          {[]string{"Cache-Control: max-age=600, max-age=7200"}, 0},
		"two on two lines":             {[]string{"Cache-Control: max-age=7200", "Cache-Control: max-age=600"}, 0},
		"quotes without an end":        {[]string{`Cache-Control: max-age=600, x="`}, 0},
		"quotes that hold a directive": {[]string{`Cache-Control: x="a, max-age=600"`}, silent},
		"quotes that hold a quote":     {[]string{`Cache-Control: x="\", no-store, ", max-age=600`}, 10 * time.Minute},
		"a name like it":               {[]string{"Cache-Control: x-max-age=600, no-store-x, max-ages=7"}, silent},
		"not even Expires then":        {[]string{"Cache-Control: max-age=x", "Expires: " + date(2*time.Hour)}, 0},

		"Age":                         {[]string{"Cache-Control: max-age=600", "Age: 100"}, 500 * time.Second},
		"an older one":                {[]string{"Cache-Control: max-age=600", "Age: 700"}, -100 * time.Second},
		"a very old one":              {[]string{"Cache-Control: max-age=600", "Age: 99999999999999999999"}, 600*time.Second - forever},
		"the first Age":               {[]string{"Cache-Control: max-age=600", "Age: 100, 7", "Age: 8"}, 500 * time.Second},
		"an Age that is none":         {[]string{"Cache-Control: max-age=600", "Age: -100"}, 10 * time.Minute},
		"Age alone":                   {[]string{"Age: 100"}, silent},
		"Expires":                     {[]string{"Expires: " + date(2*time.Hour), "Date: " + date(time.Hour)}, time.Hour},
		"Expires by our clock":        {[]string{"Expires: " + date(2*time.Hour)}, 2 * time.Hour},
		"Expires by a bad Date":       {[]string{"Expires: " + date(2*time.Hour), "Date: today"}, 2 * time.Hour},
		"Expires of another clock":    {[]string{"Expires: " + date(-9*time.Hour), "Date: " + date(-10*time.Hour)}, time.Hour},
		"Expires less Age":            {[]string{"Expires: " + date(2*time.Hour), "Date: " + date(time.Hour), "Age: 600"}, 50 * time.Minute},
		"Expires after max-age":       {[]string{"Cache-Control: max-age=600", "Expires: " + date(2*time.Hour)}, 10 * time.Minute},
		"Expires beside other things": {[]string{"Cache-Control: public", "Expires: " + date(2*time.Hour)}, 2 * time.Hour},
		"Expires in the past":         {[]string{"Expires: " + date(-time.Hour)}, 0},
		"Expires at once":             {[]string{"Expires: " + date(time.Hour), "Date: " + date(time.Hour)}, 0},
		"Expires 0":                   {[]string{"Expires: 0"}, 0},
		"Expires -1":                  {[]string{"Expires: -1"}, 0},
		"Expires, empty":              {[]string{"Expires: "}, 0},
		"Expires twice":               {[]string{"Expires: " + date(time.Hour), "Expires: " + date(2*time.Hour)}, 0},
		"Expires long ago, very old": {[]string{
			"Expires: Mon, 01 Jan 0001 00:00:00 GMT", "Date: Fri, 31 Dec 9999 23:59:59 GMT", "Age: 99999999999",
		}, 0},
		"Expires in another form": {[]string{"Expires: " + epoch.Add(2*time.Hour).Format(time.ANSIC)}, 2 * time.Hour},
	} {
		if got := cachecontrol.Lifetime(header(test.headers...), epoch, silent); got != test.want {
			t.Errorf("%s, %q: %v, want %v", name, test.headers, got, test.want)
		}
	}
}

func FuzzLifetime(f *testing.F) {
	f.Add("public, max-age=600, x=\"a, b\\\"\"", "100", "Sun, 01 Mar 2026 14:00:00 GMT", "Sun, 01 Mar 2026 12:00:00 GMT")
	f.Add("no-cache=\"a\", max-age", "", "0", "")
	f.Add("", "1, 2", "Sunday, 01-Mar-26 14:00:00 GMT", "Sun Mar  1 14:00:00 2026")
	f.Fuzz(func(t *testing.T, cacheControl, age, expires, date string) {
		with := func(cacheControl ...string) time.Duration {
			return cachecontrol.Lifetime(http.Header{"Cache-Control": cacheControl, "Age": {age}, "Expires": {expires}, "Date": {date}}, epoch, silent)
		}
		got := with(cacheControl)
		// Whatever else is there, these are never read past.
		if got := with(cacheControl, "no-store"); got != 0 {
			t.Fatalf("beside no-store: %v", got)
		}
		if got := with(cacheControl, "max-age=60"); got > time.Minute {
			t.Fatalf("beside max-age=60: %v", got)
		}
		if got := with(cacheControl + ", no-cache"); got > 0 && !strings.Contains(cacheControl, `"`) {
			t.Fatalf("before no-cache: %v", got)
		}
		// A line is what its members are on lines of their own.
		if !strings.ContainsAny(cacheControl, `"`) && got != with(strings.Split(cacheControl, ",")...) {
			t.Fatalf("in members: %v and %v", got, with(strings.Split(cacheControl, ",")...))
		}
	})
}
