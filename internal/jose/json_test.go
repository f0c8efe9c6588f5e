package jose_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// readObject is DecodeObject for tables.
func readObject(t *testing.T) func(string) error {
	return func(text string) error {
		object, err := jose.DecodeObject([]byte(text))
		if (object == nil) != (err != nil) {
			t.Errorf("DecodeObject(%.300q) = %v, %v", text, object, err)
		}
		return err
	}
}

func TestA6_exactly_one_JSON_object(t *testing.T) {
	judge(t, readObject(t),
		allow("an object", `{"a":1}`),
		allow("an empty object", `{}`),
		allow("white space around it", " \t\r\n{ } \n"),

		deny("nothing", ``, jose.ErrJSON),
		deny("white space", " ", jose.ErrJSON),
		deny("null", `null`, jose.ErrJSON),
		deny("a list", `[]`, jose.ErrJSON),
		deny("a string", `"{}"`, jose.ErrJSON),
		deny("a number", `1`, jose.ErrJSON),
		deny("true", `true`, jose.ErrJSON),
		deny("a byte order mark in front", "\ufeff{}", jose.ErrJSON),
		deny("a second object", `{}{}`, jose.ErrJSON),
		deny("a second object on the next line", "{}\n{}", jose.ErrJSON),
		deny("a closing brace too many", `{}}`, jose.ErrJSON),
		deny("text behind it", `{}x`, jose.ErrJSON),
		deny("a null byte behind it", "{}\x00", jose.ErrJSON),
		deny("cut off", `{"a":1`, jose.ErrJSON),
		deny("cut off behind a name", `{"a"`, jose.ErrJSON),
		deny("cut off behind a colon", `{"a":`, jose.ErrJSON),
		deny("cut off in a string", `{"a":"b`, jose.ErrJSON),
		deny("cut off in a list", `{"a":[1,`, jose.ErrJSON),
		deny("a trailing comma", `{"a":1,}`, jose.ErrJSON),
		deny("a trailing comma in a list", `{"a":[1,]}`, jose.ErrJSON),
		deny("a missing comma", `{"a":1 "b":2}`, jose.ErrJSON),
		deny("a missing value", `{"a":}`, jose.ErrJSON),
		deny("a name without quotes", `{a:1}`, jose.ErrJSON),
		deny("single quotes", `{'a':1}`, jose.ErrJSON),
		deny("a number as name", `{1:1}`, jose.ErrJSON),
		deny("a comment", `{"a":1/**/}`, jose.ErrJSON),
		deny("a line feed in a string", "{\"a\":\"\n\"}", jose.ErrJSON),
		deny("an unknown escape", `{"a":"\x41"}`, jose.ErrJSON),
		deny("an overflow deep inside", `{"a":[{"b":1e400}]}`, jose.ErrJSON),
		deny("a whole number that overflows", `{"a":1`+strings.Repeat("0", 400)+`}`, jose.ErrJSON),
	)
}

func TestA6_names_are_unique_at_every_depth(t *testing.T) {
	judge(t, readObject(t),
		allow("names that differ in case", `{"a":1,"A":2}`),
		allow("the same name in two objects", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}`),
		allow("names in two normal forms", "{\"\u00e9\":1,\"e\u0301\":2}"),

		deny("twice", `{"a":1,"a":1}`, jose.ErrJSON),
		deny("twice with one between", `{"a":1,"b":2,"a":3}`, jose.ErrJSON),
		deny("once escaped", `{"a":1,"\u0061":2}`, jose.ErrJSON),
		deny("escaped in two ways", `{"\u00e9":1,"\u00E9":2}`, jose.ErrJSON),
		deny("a solidus, once escaped", `{"/":1,"\/":2}`, jose.ErrJSON),
		deny("a pair of surrogates and the character", `{"😀":1,"\ud83d\ude00":2}`, jose.ErrJSON),
		deny("the empty name", `{"":1,"":2}`, jose.ErrJSON),
		deny("in a member", `{"x":{"a":1,"a":2}}`, jose.ErrJSON),
		deny("in a list", `{"x":[{"a":1,"a":2}]}`, jose.ErrJSON),
		deny("deep inside", `{"x":[[{"y":{"a":1,"b":{"c":1,"c":2}}}]]}`, jose.ErrJSON),
		deny("behind a hundred others", `{`+manyNames(100)+`,"n7":1}`, jose.ErrJSON),
	)
}

// manyNames are members n0 to n<count-1>.
func manyNames(count int) string {
	var members []string
	for i := range count {
		members = append(members, `"n`+strings.Repeat("0", i/10)+string(rune('0'+i%10))+`":0`)
	}
	return strings.Join(members, ",")
}

func TestA6_text_is_UTF8_without_lone_surrogates(t *testing.T) {
	judge(t, readObject(t),
		allow("a pair of surrogates", `{"a":"\ud83d\ude00"}`),
		allow("an escaped null character", `{"a":"\u0000"}`),

		deny("a byte that is no UTF-8", "{\"a\":\"\xff\"}", jose.ErrJSON),
		deny("in a name", "{\"\xff\":1}", jose.ErrJSON),
		deny("an overlong form", "{\"a\":\"\xc0\xaf\"}", jose.ErrJSON),
		deny("an encoded surrogate", "{\"a\":\"\xed\xa0\x80\"}", jose.ErrJSON),
		deny("a cut-off character", "{\"a\":\"\xe2\x82\"}", jose.ErrJSON),
		deny("a lone high surrogate", `{"a":"\ud800"}`, jose.ErrJSON),
		deny("a lone low surrogate", `{"a":"\udc00"}`, jose.ErrJSON),
		deny("a high surrogate and a letter", `{"a":"\ud800\u0061"}`, jose.ErrJSON),
		deny("surrogates in the wrong order", `{"a":"\udc00\ud800"}`, jose.ErrJSON),
		deny("a lone surrogate in a name", `{"\ud800":1}`, jose.ErrJSON),
	)
}

func TestA6_sixteen_levels_and_not_one_more(t *testing.T) {
	objects := func(depth int) string {
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	}
	lists := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	judge(t, readObject(t),
		allow("sixteen objects", objects(16)),
		allow("sixteen with lists", lists(16)),
		deny("seventeen objects", objects(17), jose.ErrJSON),
		deny("seventeen with lists", lists(17), jose.ErrJSON),
		deny("an empty object at the seventeenth level", strings.Replace(objects(16), "1", "{}", 1), jose.ErrJSON),
		deny("a deep second member", `{"b":1,"a":`+objects(16)+`}`, jose.ErrJSON),
		deny("five thousand", objects(5000), jose.ErrJSON),
		deny("five thousand that are never closed", strings.Repeat(`{"a":`, 5000), jose.ErrJSON),
		deny("fifteen thousand lists that are never closed", `{"a":`+strings.Repeat("[", 15000), jose.ErrJSON),
	)
}

func TestA6_numbers_keep_their_kind(t *testing.T) {
	object, err := jose.DecodeObject([]byte(`{"n":[0,-0,1,-1,9223372036854775807,-9223372036854775808,9223372036854775808,1.0,1e2,-0.0,1e-400,0.1]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []any{int64(0), int64(0), int64(1), int64(-1), int64(9223372036854775807), int64(-9223372036854775808),
		9223372036854775808.0, 1.0, 100.0, 0.0, 0.0, 0.1}
	if difference := cmp.Diff(map[string]any{"n": want}, object); difference != "" {
		t.Error(difference)
	}
}
