package oauth

// Code is an error code of a token response (RFC 6749 §5.2, RFC 8707 §2, RFC 9449 §5).
type Code string

// The codes that this server answers with.
const (
	InvalidRequest       Code = "invalid_request"
	InvalidClient        Code = "invalid_client"
	InvalidGrant         Code = "invalid_grant"
	UnauthorizedClient   Code = "unauthorized_client"
	UnsupportedGrantType Code = "unsupported_grant_type"
	InvalidScope         Code = "invalid_scope"
	InvalidTarget        Code = "invalid_target"
	InvalidDPoPProof     Code = "invalid_dpop_proof"
	UseDPoPNonce         Code = "use_dpop_nonce" // the same with the nonce that the answer brings will do (RFC 9449 §8)

	// UnsupportedResponseType is of the authorization endpoint alone (RFC 6749 §4.1.2.1).
	UnsupportedResponseType Code = "unsupported_response_type"

	// TemporarilyUnavailable says that a dependency is down: try again (protocol T7).
	TemporarilyUnavailable Code = "temporarily_unavailable"
	// ServerError is a defect of ours.
	ServerError Code = "server_error"
)

// Error is a refusal as the caller sees it. Every stage of the token endpoint returns this, or what wraps it.
type Error struct {
	Code Code

	// Description goes to the caller. It is a constant of this program, plain ASCII without quotation mark and
	// backslash (RFC 6749 §5.2), names the check that failed, and holds nothing of the request (protocol T6). The server
	// puts the id behind it under which the log has more.
	Description string

	// Reason is the same for the audit log, in snake_case, and may be finer than the caller is told (protocol T8).
	// Empty: the Code says it all.
	Reason string

	// Claimed is the iss of the assertion that was refused, for the log only: nobody has proved it. Empty: there was none.
	Claimed string

	// Cause is for the log only. It must not hold a secret, an assertion or a token.
	Cause error
}

// Error returns the whole text, for the log.
func (e *Error) Error() string {
	text := string(e.Code) + ": " + e.Description
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Exhausted is the refusal of who has failed too often, whatever he sends now (RFC 6585 §4). No registered code says so;
// this one says to try again.
func Exhausted(cause error) *Error {
	return &Error{
		Code:        TemporarilyUnavailable,
		Description: "too many requests of this client, or from this address, have failed; wait for as long as Retry-After says",
		Reason:      "too_many_failures",
		Cause:       cause,
	}
}

// Unavailable is the refusal of a request that could not be decided because something that we depend on did not
// answer: never a token, and never the caller's fault (protocol T7, R3).
func Unavailable(reason string, cause error) *Error {
	return &Error{
		Code:        TemporarilyUnavailable,
		Description: "a service that this server depends on does not answer; try again",
		Reason:      reason,
		Cause:       cause,
	}
}
