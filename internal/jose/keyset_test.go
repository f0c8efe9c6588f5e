package jose_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
)

// describe lists the keys of a set.
func describe(keys jose.KeySet) []string {
	var lines []string
	for _, key := range keys {
		lines = append(lines, string(key.Algorithm())+" "+key.ID())
	}
	return lines
}

// apko CVE-2026-42576, and what jwx does: one key that nobody can read made the whole set useless, or a panic.
func TestGood_keys_work_beside_every_kind_of_bad_one(t *testing.T) {
	keys, rejected, err := jose.ParseKeySet(fixture(t, "sets", "mixed.json"), "")
	if err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff([]string{"ES256 good-ec", "EdDSA good-ed25519", "PS256 good-rsa"}, describe(keys)); difference != "" {
		t.Error(difference)
	}
	if len(rejected) != 15 {
		t.Errorf("%d rejected", len(rejected))
	}
	for _, rejection := range rejected {
		if rejection.Why == "" || strings.Contains(rejection.Why, "AyM1SysPpbyDfgZ") {
			t.Errorf("%+v", rejection)
		}
	}
	claims := `{"iss":"joe"}`
	if _, err := verify(sign(t, privateKey(t, jose.ES384), jose.ES384, `{"alg":"ES384","kid":"leaked-private-key"}`, claims), keys...); !errors.Is(err, jose.ErrNoKey) {
		t.Errorf("the leaked private key: %v", err)
	}
}

func TestA_document_that_is_no_set_is_refused(t *testing.T) {
	read := func(document string) error {
		keys, rejected, err := jose.ParseKeySet([]byte(document), jose.RS256)
		if err != nil && (keys != nil || rejected != nil) {
			t.Errorf("%.100q: %v, %v beside %v", document, keys, rejected, err)
		}
		return err
	}
	judge(t, read,
		allow("a set", `{"keys":[`+ecJWK("")+`]}`),
		allow("an empty set", `{"keys":[]}`),
		allow("a set with more members and white space", "\n {\"keys\": [], \"next\": {\"a\": []}} \n"),
		allow("a set that speaks of PEM", `{"keys":[`+ecJWK(`,"note":"-----BEGIN PUBLIC KEY-----"`)+`]}`),

		deny("nothing", "", jose.ErrKeySet),
		deny("white space", " \n", jose.ErrKeySet),
		deny("a single key", ecJWK(""), jose.ErrKeySet),
		deny("a list of keys", `[`+ecJWK("")+`]`, jose.ErrKeySet),
		deny("no keys", `{}`, jose.ErrKeySet),
		deny("keys as null", `{"keys":null}`, jose.ErrKeySet),
		deny("keys as an object", `{"keys":{"a":`+ecJWK("")+`}}`, jose.ErrKeySet),
		deny("keys as a string", `{"keys":"[]"}`, jose.ErrKeySet),
		deny("another name of keys", `{"Keys":[`+ecJWK("")+`]}`, jose.ErrKeySet),
		deny("keys twice", `{"keys":[],"keys":[`+ecJWK("")+`]}`, jose.ErrKeySet),
		deny("keys twice, once escaped", `{"keys":[],"\u006beys":[`+ecJWK("")+`]}`, jose.ErrKeySet),
		deny("a member of a key twice", `{"keys":[`+ecJWK(`,"kty":"RSA"`)+`]}`, jose.ErrKeySet),
		deny("something behind it", `{"keys":[]}{"keys":[]}`, jose.ErrKeySet),
		deny("a byte order mark", "\ufeff{\"keys\":[]}", jose.ErrKeySet),
		deny("too deep", `{"keys":[`+strings.Repeat("[", 15)+strings.Repeat("]", 15)+`]}`, jose.ErrKeySet),
		deny("text that is no UTF-8", "{\"keys\":[],\"a\":\"\xff\"}", jose.ErrKeySet),
		deny("a web page", "<!doctype html><title>404</title>", jose.ErrKeySet),
		deny("PEM without a block", "-----BEGIN PUBLIC KEY-----\n", jose.ErrKeySet),
		deny("DER", string(publicForms(t, jose.ES256)["DER"]), jose.ErrKeySet),
	)
}

func TestKeys_is_not_read_from_a_name_in_other_letters(t *testing.T) {
	keys, rejected, err := jose.ParseKeySet([]byte(`{"keys":[],"KEYS":[`+ecJWK("")+`]}`), "")
	if err != nil || len(keys) != 0 || len(rejected) != 0 {
		t.Errorf("%v, %v, %v", keys, rejected, err)
	}
}

func TestA_private_key_in_a_set_is_told_from_one_of_no_use(t *testing.T) {
	keys, rejected, err := jose.ParseKeySet([]byte(`{"keys":[`+ecJWK(`,"use":"enc"`)+`,`+ecJWK(`,"d":"AA"`)+`,`+ecJWK(`,"use":"enc","d":"AA"`)+`,`+
		`{"kty":"oct","k":"AAAA"},{"kty":"EC"},`+ecJWK("")+`]}`), "")
	if err != nil || len(keys) != 1 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	var private []bool
	for _, key := range rejected {
		private = append(private, key.Private)
	}
	if !slices.Equal(private, []bool{false, true, true, true, false}) {
		t.Errorf("%+v", rejected)
	}
}

func TestKeys_of_a_set_are_taken_apart_whatever_is_around_them(t *testing.T) {
	first, second := ecJWK(`,"kid":"a,]}","note":["\u005d",{}]`), ecJWK(`,"kid":"b"`)
	keys, rejected, err := jose.ParseKeySet([]byte("{ \"next\":[{}],\n \"keys\" : [\t"+first+" ,\r\n 7,null , "+second+" ]\n, \"a\" : 1 }"), "")
	if err != nil || len(keys) != 2 || keys[0].ID() != "a,]}" || keys[1].ID() != "b" {
		t.Errorf("%v, %v", keys, err)
	}
	if len(rejected) != 2 || rejected[0].Index != 1 || rejected[1].Index != 2 {
		t.Errorf("rejected: %v", rejected)
	}
}

// Protocol F1: a hundred keys at most.
func TestA_hundred_keys_are_read_and_no_more(t *testing.T) {
	for _, form := range []struct{ name, front, key, between, back string }{
		{"JWK Set", `{"keys":[`, ecJWK(""), ",", "]}"},
		{"PEM", "", string(publicForms(t, jose.ES256)["PEM"]), "", ""},
	} {
		t.Run(form.name, func(t *testing.T) {
			set := func(count int) []byte {
				return []byte(form.front + form.key + strings.Repeat(form.between+form.key, count-1) + form.back)
			}
			keys, rejected, err := jose.ParseKeySet(set(100), "")
			if err != nil || len(keys) != 100 || len(rejected) != 0 {
				t.Errorf("100: %d keys, %v, %v", len(keys), rejected, err)
			}
			keys, rejected, err = jose.ParseKeySet(set(1000), "")
			if err != nil || len(keys) != 100 || len(rejected) != 1 || rejected[0].Index != 100 {
				t.Errorf("1000: %d keys, %v, %v", len(keys), rejected, err)
			}
		})
	}
}

func TestPEM_is_read_block_by_block(t *testing.T) {
	ec, rsa := string(publicForms(t, jose.ES256)["PEM"]), string(publicForms(t, jose.RS256)["PEM"])
	private := string(fixture(t, "keys", "p256.pem"))
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, row := range map[string]struct {
		document string
		keys     int
		why      []string
	}{
		"two keys":                       {ec + rsa, 2, nil},
		"text around them":               {"Bag Attributes: none\n" + ec + "\nthe other:\n" + rsa + "end", 2, nil},
		"a private key":                  {ec + private, 1, []string{"1 a PEM block is not a PUBLIC KEY (SPKI)"}},
		"a certificate":                  {block("CERTIFICATE", []byte("1")) + ec, 1, []string{"0 a PEM block is not a PUBLIC KEY (SPKI)"}},
		"an RSA key in its old form":     {block("RSA PUBLIC KEY", publicForms(t, jose.RS256)["PKCS1"]), 0, []string{"0 a PEM block is not a PUBLIC KEY (SPKI)"}},
		"a block that is no key":         {block("PUBLIC KEY", []byte("1")) + ec, 1, []string{"0 " + jose.ErrKeyMember.Sentence}},
		"the point at infinity":          {block("PUBLIC KEY", pointAtInfinity(t)), 0, []string{"0 " + jose.ErrKeyMember.Sentence}},
		"a damaged block behind":         {ec + strings.Replace(rsa, "M", "!", 1), 1, []string{"1 a PEM block is cut off or damaged, or there are more than 100"}},
		"a damaged block in front":       {strings.Replace(rsa, "M", "!", 1) + ec, 1, []string{"1 a PEM block is cut off or damaged, or there are more than 100"}},
		"a block that is cut off behind": {ec + rsa[:100], 1, []string{"1 a PEM block is cut off or damaged, or there are more than 100"}},
	} {
		t.Run(name, func(t *testing.T) {
			keys, rejected, err := jose.ParseKeySet([]byte(row.document), jose.RS256)
			if err != nil || len(keys) != row.keys {
				t.Errorf("%d keys, %v", len(keys), err)
			}
			var why []string
			for _, rejection := range rejected {
				why = append(why, fmt.Sprint(rejection.Index, " ", rejection.Why))
			}
			if difference := cmp.Diff(row.why, why); difference != "" {
				t.Error(difference)
			}
		})
	}
}

// pointAtInfinity is the SPKI of a P-256 key whose point is the single byte 0 (SEC 1 §2.3.3).
func pointAtInfinity(t *testing.T) []byte {
	t.Helper()
	var spki struct {
		Algorithm pkix.AlgorithmIdentifier
		Point     asn1.BitString
	}
	if _, err := asn1.Unmarshal(publicForms(t, jose.ES256)["DER"], &spki); err != nil {
		t.Fatal(err)
	}
	spki.Point = asn1.BitString{Bytes: []byte{0}, BitLength: 8}
	der, err := asn1.Marshal(spki)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestA_registered_set_fails_with_one_bad_key(t *testing.T) {
	ec := string(publicForms(t, jose.ES256)["PEM"])
	for name, row := range map[string]struct {
		document, complaint string
	}{
		"a good set":                 {`{"keys":[` + ecJWK("") + `]}`, ""},
		"two good keys":              {`{"keys":[` + ecJWK(`,"kid":"1"`) + `,` + ecJWK(`,"kid":"2"`) + `]}`, ""},
		"good PEM":                   {ec, ""},
		"one kid for two algorithms": {`{"keys":[` + ecJWK(`,"kid":"1"`) + `,{"kid":"1",` + rsaJWK(modulus(2048), "AQAB")[1:] + `]}`, ""},

		"no set":                 {`{}`, jose.ErrKeySet.Sentence},
		"an empty set":           {`{"keys":[]}`, "no usable key"},
		"one bad key":            {`{"keys":[` + ecJWK("") + `,{"kty":"AKP"}]}`, "key 1: " + jose.ErrKeyMember.Sentence},
		"only a bad key":         {`{"keys":[` + ecJWK(`,"use":"enc"`) + `]}`, "key 0: " + jose.ErrKeyUse.Sentence},
		"a private key":          {`{"keys":[` + ecJWK(`,"d":"AA"`) + `]}`, "key 0: " + jose.ErrKeyPrivate.Sentence},
		"a key twice":            {`{"keys":[` + ecJWK("") + `,` + ecJWK("") + `]}`, "two keys have the same kid and alg"},
		"two keys with one kid":  {`{"keys":[` + ecJWK(`,"kid":"1"`) + `,` + ecJWK(`,"kid":"1","key_ops":["verify"]`) + `]}`, "two keys have the same kid and alg"},
		"PEM that is cut off":    {ec + ec[:60], "key 1: a PEM block is cut off or damaged, or there are more than 100"},
		"a hundred and one keys": {`{"keys":[` + ecJWK("") + strings.Repeat(`,`+ecJWK(""), 100) + `]}`, "key 100: a set may have 100 keys; this one and those behind it are not read"},
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := jose.ParseRegisteredKeys([]byte(row.document), jose.RS256)
			complaint := ""
			if err != nil {
				complaint = err.Error()
			}
			if complaint != row.complaint || (len(keys) == 0) != (err != nil) {
				t.Errorf("%v, %v\nwant %q", keys, err, row.complaint)
			}
		})
	}
}

// Protocol A5.
func TestA5_with_a_kid_that_key_and_no_other(t *testing.T) {
	key := func(algorithm jose.Algorithm, id string) jose.VerificationKey {
		key, err := jose.NewVerificationKey(privateKey(t, algorithm).Public(), algorithm, id)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	set := jose.KeySet{
		key(jose.ES256, "ec-1"), key(jose.ES256, "ec-2"), key(jose.EdDSA, "ed"), key(jose.PS256, "rsa"), key(jose.RS256, "rsa"),
		key(jose.ES384, "twice"), key(jose.ES384, "twice"),
	}
	find := func(header string) error {
		token, err := jose.Parse(withHeader(header))
		if err != nil {
			t.Fatal(err)
		}
		found, err := set.Find(token)
		if err == nil && (found.Algorithm() != token.Algorithm || token.KeyID != "" && found.ID() != token.KeyID) {
			t.Errorf("%s: found %v", header, found)
		}
		if err != nil && !found.IsZero() {
			t.Errorf("%s: %v beside %v", header, found, err)
		}
		return err
	}
	judge(t, find,
		allow("its kid", `{"alg":"ES256","kid":"ec-2"}`),
		allow("a kid that two algorithms share", `{"alg":"PS256","kid":"rsa"}`),
		allow("no kid where one key fits", `{"alg":"EdDSA"}`),
		allow("Ed25519 as RFC 9864 names it", `{"alg":"Ed25519"}`),

		deny("an unknown kid", `{"alg":"ES256","kid":"ec-3"}`, jose.ErrNoKey),
		deny("an unknown kid where one key fits the algorithm", `{"alg":"EdDSA","kid":"ed-2"}`, jose.ErrNoKey),
		deny("the kid of another type", `{"alg":"ES256","kid":"ed"}`, jose.ErrNoKey),
		deny("the kid of an RSA key with HMAC", `{"alg":"HS256","kid":"rsa"}`, jose.ErrNoKey),
		deny("the kid of an RSA key with another RSA algorithm", `{"alg":"RS512","kid":"rsa"}`, jose.ErrNoKey),
		deny("a kid in other letters", `{"alg":"EdDSA","kid":"ED"}`, jose.ErrNoKey),
		deny("the beginning of a kid", `{"alg":"ES256","kid":"ec-"}`, jose.ErrNoKey),
		deny("no kid where two keys fit", `{"alg":"ES256"}`, jose.ErrKeyNotDefinite),
		deny("no kid where no key fits", `{"alg":"ES512"}`, jose.ErrNoKey),
		deny("no kid with HMAC", `{"alg":"HS256"}`, jose.ErrNoKey),
		deny("a kid that two keys have", `{"alg":"ES384","kid":"twice"}`, jose.ErrKeyNotDefinite),
	)
	if found, err := jose.KeySet(nil).Find(new(jose.Token)); !errors.Is(err, jose.ErrNoKey) || !found.IsZero() {
		t.Errorf("nothing in nothing: %v, %v", found, err)
	}
	if found, err := (jose.KeySet{{}}).Find(new(jose.Token)); !errors.Is(err, jose.ErrNoKey) || !found.IsZero() {
		t.Errorf("nothing in a zero key: %v, %v", found, err)
	}
}

// The kid of a shared secret is what was registered; a JWT that names another is not for it.
func TestA5_holds_for_shared_secrets(t *testing.T) {
	shared, err := jose.NewSharedSecretKey(secret, jose.HS256, "billing")
	if err != nil {
		t.Fatal(err)
	}
	judge(t, func(header string) error {
		_, err := verify(sign(t, secret, jose.HS256, header, `{}`), shared)
		return err
	},
		allow("its kid", `{"alg":"HS256","kid":"billing"}`),
		allow("no kid", `{"alg":"HS256"}`),
		deny("another kid", `{"alg":"HS256","kid":"payroll"}`, jose.ErrNoKey),
		deny("another hash", `{"alg":"HS512","kid":"billing"}`, jose.ErrNoKey),
		deny("another algorithm", `{"alg":"RS256","kid":"billing"}`, jose.ErrNoKey),
	)
}
