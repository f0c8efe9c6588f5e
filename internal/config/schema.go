package config

import _ "embed"

// Schema is the JSON Schema (2020-12) of the document, from which editors complete and check it. It knows form only;
// what refers to something else in the document is checked by Load alone.
//
//go:embed schema.json
var Schema []byte
