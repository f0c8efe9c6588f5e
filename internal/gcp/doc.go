// Package gcp is the only place that talks to Google Cloud. [SecretManager] keeps our signing keys and other secrets;
// [KMS] signs with keys that never leave it; [Firestore] holds what instances must agree upon.
//
// Its types implement what other packages declare (a [keys.Source], a [keys.Keeper] and a [replay.Store]), so that
// nothing outside imports a cloud library and everything can be tested against servers on loopback; see
// internal/gcp/localsecrets, internal/gcp/localkms, and for Firestore Google's own emulator.
//
// It must never put a payload, or what is to be signed, into an error, a log line or a trace, never touch the network
// before it is used, and never outlive the deadline of its caller's context.
package gcp
