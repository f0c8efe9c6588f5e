package main

import (
	"fmt"
	"path/filepath"

	"example.com/countersign/internal/jose"
)

// keyPairFiles returns the files of one key pair: the private key in PKCS#8, the public one in SPKI and as a JWK Set.
func keyPairFiles(name string, key jose.SigningKey) ([]outFile, error) {
	private, err := key.EncodePKCS8()
	if err != nil {
		return nil, err
	}
	public, err := key.Verification().EncodeSPKI()
	if err != nil {
		return nil, err
	}
	set, err := publicKeySetFile(name, key)
	if err != nil {
		return nil, err
	}
	return []outFile{
		{Name: name + ".pem", What: "private key (PKCS#8), for the one who signs and nobody else", Private: true, Content: private},
		{Name: name + ".pub.pem", What: "public key (SPKI)", Content: public},
		set,
	}, nil
}

// publicKeySetFile returns the public half as a JWK Set, as a registration or a jwks_uri has it.
func publicKeySetFile(name string, key jose.SigningKey) (outFile, error) {
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	return outFile{Name: name + ".jwks.json", What: "public key (JWK Set)", Content: append(set, '\n')}, err
}

// privateJWKFile returns the private key as a JWK, for libraries that want one.
func privateJWKFile(name string, key jose.SigningKey) (outFile, error) {
	private, err := key.EncodePrivateJWK()
	return outFile{Name: name + ".jwk.json", What: "private key (JWK)", Private: true, Content: append(private, '\n')}, err
}

// checkFileName refuses a name that would leave the folder that the user chose.
func checkFileName(name string) error {
	if name == "" || name != filepath.Base(name) || !filepath.IsLocal(name) {
		return fmt.Errorf("%q is not the beginning of a file name; -out says which folder", name)
	}
	return nil
}
