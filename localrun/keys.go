package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"example.com/countersign/internal/jose"
)

// keysCommand makes the keys of a client, an issuer or the service itself.
func keysCommand() *cli.Command {
	return &cli.Command{
		Name:  "keys",
		Usage: "make a key pair, a shared secret, or a key file for Google's libraries",
		UsageText: "localrun keys [options]\n" +
			"localrun keys secret [options]     a client_secret and its hash; see localrun keys secret -h\n" +
			"localrun keys status [options]     where our own signing keys stand\n" +
			"localrun keys rotate [options]     add a new one, and take out what is out of use",
		Description: `Writes a new private key for the one who signs, the public key in two forms for
the one who verifies, and prints the lines that register it.

   localrun keys -name billing-batch
      billing-batch.pem        private key (PKCS#8, mode 0600)
      billing-batch.pub.pem    public key (SPKI)
      billing-batch.jwks.json  public key (JWK Set)

   localrun keys -name billing-batch -alg EdDSA -out secrets -jwk
      another algorithm, another folder, and the private key as a JWK too

   localrun keys -name warehouse -alg HS256
      warehouse.secret         a secret to share, for client_secret_jwt

   localrun keys -format google-service-account -name robot \
         -id robot@acme.example -url https://auth.example.com
      robot.json               the key file that Google's auth libraries read,
      robot.jwks.json          with this service in the place of Google

ALG is ES256, ES384, ES512, EdDSA, PS256, PS384, PS512, RS256, RS384 or RS512 for
a key pair, HS256, HS384 or HS512 for a shared secret. The kid of a key pair is
its RFC 7638 thumbprint. Files that exist are left alone.

Of Google's libraries, Go's, Python's and Java's ask the token_uri of the key
file; Node's (google-auth-library 10) always asks Google.`,
		Flags: []cli.Flag{
			algorithmFlag("make a key for `ALG` (default: ES256; for Google RS256)"),
			&cli.StringFlag{Name: "name", Local: true, Value: "client", Usage: "what the files' names begin with"},
			&cli.StringFlag{Name: "out", Local: true, Value: ".", Usage: "write to `FOLDER`, which is made where it is not there"},
			&cli.StringFlag{Name: "id", Local: true, Usage: "`ID` of the client in the lines to paste (default: the name)"},
			&cli.BoolFlag{Name: "jwk", Local: true, Usage: "write the private key as a JWK as well, NAME.jwk.json"},
			&cli.StringFlag{Name: "format", Local: true, Value: formatPEM, Usage: "pem or google-service-account", Validator: oneOf(formatPEM, formatGoogle)},
			&cli.StringFlag{Name: "url", Local: true, Usage: "token_uri of a Google key file: `URL` of the issuer or token endpoint"},
			&cli.BoolFlag{Name: "force", Local: true, Usage: "replace files that exist"},
		},
		Commands:        []*cli.Command{secretCommand(), statusCommand(), rotateCommand()},
		HideHelpCommand: true,
		OnUsageError:    refuseUsage,
		Action:          makeKeys,
	}
}

// The values of -format.
const (
	formatPEM    = "pem"
	formatGoogle = "google-service-account"
)

// madeKey is a new key as files, and what to do with them.
type madeKey struct {
	headline     string
	files        []outFile
	registration string // lines of the configuration
	hint         string // what the registration needs besides; empty: nothing
}

func makeKeys(_ context.Context, cmd *cli.Command) error {
	if err := refuseArguments(cmd); err != nil {
		return err
	}
	name := cmd.String("name")
	if err := checkFileName(name); err != nil {
		return err
	}
	id := cmd.String("id")
	if id == "" {
		id = name
	}
	made, err := makeKey(cmd, name, id)
	if err != nil {
		return err
	}
	if err := writeFiles(cmd.String("out"), cmd.Bool("force"), made.files); err != nil {
		return err
	}
	return made.print(cmd.Root().Writer, cmd.String("out"))
}

func makeKey(cmd *cli.Command, name, id string) (madeKey, error) {
	algorithm := jose.Algorithm(cmd.String("alg"))
	google := cmd.String("format") == formatGoogle
	switch {
	case algorithm == "" && google:
		algorithm = jose.RS256
	case algorithm == "":
		algorithm = jose.ES256
	}
	switch {
	case cmd.Bool("jwk") && (google || algorithm.Symmetric()):
		return madeKey{}, errors.New("-jwk is for key pairs in the format pem")
	case cmd.String("url") != "" && !google:
		return madeKey{}, errors.New("-url is for -format google-service-account: nothing else names the service")
	case google:
		return makeGoogleKey(name, cmd.String("id"), cmd.String("url"), algorithm)
	case algorithm.Symmetric():
		return makeSharedSecret(name, id, algorithm)
	default:
		return makeKeyPair(name, id, algorithm, cmd.Bool("jwk"))
	}
}

func makeKeyPair(name, id string, algorithm jose.Algorithm, withJWK bool) (madeKey, error) {
	key, err := jose.GenerateSigningKey(algorithm)
	if err != nil {
		return madeKey{}, err
	}
	files, err := keyPairFiles(name, key)
	if err != nil {
		return madeKey{}, err
	}
	if withJWK {
		private, err := privateJWKFile(name, key)
		if err != nil {
			return madeKey{}, err
		}
		files = append(files, private)
	}
	registration, err := registerKeyPair(id, key)
	return madeKey{
		headline:     fmt.Sprintf("A new %s key pair with the kid %s", algorithm, key.ID()),
		files:        files,
		registration: registration,
		hint:         "Instead of pem, keys can name the file: {file: " + name + ".jwks.json}, beside the configuration.",
	}, err
}

// makeSharedSecret makes a secret of the length of the hash in random bytes (RFC 7518 §3.2). It is written as text, and
// without a line break: that text to its last byte is the key, wherever it is copied to.
func makeSharedSecret(name, id string, algorithm jose.Algorithm) (madeKey, error) {
	length := map[jose.Algorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64}[algorithm]
	file := name + ".secret"
	return madeKey{
		headline:     fmt.Sprintf("A new shared secret for %s", algorithm),
		files:        []outFile{{Name: file, What: "the secret, for both sides; every byte counts", Private: true, Content: randomText(length)}},
		registration: registerSharedSecret(id, algorithm),
		hint: "The secret itself goes into Secret Manager:\n" +
			"  gcloud secrets create SECRET --project=PROJECT --data-file=" + file,
	}, nil
}

// randomText returns so many random bytes as text that needs no quotes anywhere.
func randomText(length int) []byte {
	random := make([]byte, length)
	rand.Read(random)
	return base64.RawURLEncoding.AppendEncode(nil, random)
}

func makeGoogleKey(name, id, service string, algorithm jose.Algorithm) (madeKey, error) {
	if id == "" || service == "" {
		return madeKey{}, errors.New("a Google key file says who signs and whom to ask; give -id, like robot@acme.example, and -url, like https://auth.example.com")
	}
	if err := checkURL(service); err != nil {
		return madeKey{}, err
	}
	key, err := jose.GenerateSigningKey(algorithm)
	if err != nil {
		return madeKey{}, err
	}
	google, err := newGoogleKey(id, tokenEndpoint(service), key)
	if err != nil {
		return madeKey{}, err
	}
	content, err := google.encode()
	if err != nil {
		return madeKey{}, err
	}
	set, err := publicKeySetFile(name, key)
	if err != nil {
		return madeKey{}, err
	}
	registration, err := registerGoogleKey(id, key)
	return madeKey{
		headline: fmt.Sprintf("A new key file for Google's auth libraries with the kid %s", key.ID()),
		files: []outFile{
			{Name: name + ".json", What: "the key file; GOOGLE_APPLICATION_CREDENTIALS can name it", Private: true, Content: content},
			set,
		},
		registration: registration,
		hint: "Python's library (google-auth 2.62 does) shows each new token to Google's IAM service, to ask where the\n" +
			"account may be used. Where no token may leave the house, use another library.",
	}, err
}

// print tells what was made and how it is registered.
func (m madeKey) print(out io.Writer, folder string) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n\n", m.headline)
	for _, file := range m.files {
		fmt.Fprintf(&text, "  %-28s  %s\n", filepath.Join(folder, file.Name), file.What)
	}
	fmt.Fprintf(&text, "\nTo register it, with your own resource and scopes:\n\n%s", m.registration)
	if m.hint != "" {
		fmt.Fprintf(&text, "\n%s\n", m.hint)
	}
	_, err := io.WriteString(out, text.String())
	return err
}
