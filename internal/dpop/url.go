package dpop

import (
	"fmt"
	"net/netip"
	"strings"
)

// checkURL holds RFC 9449 §4.3 item 9: htu is one of urls, apart from query and fragment, after the normalisation of
// RFC 3986 §6.2.2 and §6.2.3 of both.
func checkURL(htu string, urls []string) error {
	claimed, ok := normalise(htu)
	if !ok {
		return ErrURLForm
	}
	for _, url := range urls {
		if url == claimed {
			return nil
		}
		ours, ok := normalise(url)
		if !ok {
			return fmt.Errorf("dpop: the request's own URL is not an absolute http or https URL: %q", url)
		}
		if ours == claimed {
			return nil
		}
	}
	return ErrURL
}

// normalise returns the one form that an http or https URL has without its query and fragment, and reports whether it
// is such a URL. It is read by the grammar of RFC 3986 and no other: what the grammar does not have (a backslash,
// white space, letters beyond ASCII) is not made into something that it has. User information is refused (RFC 9110
// §4.2.4): it can make a URL look like one of another host.
func normalise(url string) (string, bool) {
	if end := strings.IndexAny(url, "?#"); end >= 0 {
		url = url[:end]
	}
	scheme, rest, found := strings.Cut(url, "://")
	if !found {
		return "", false
	}
	authority, path := rest, ""
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	defaultPort := ""
	switch scheme = strings.ToLower(scheme); scheme {
	case "http":
		defaultPort = "80"
	case "https":
		defaultPort = "443"
	default:
		return "", false
	}
	authority, hostIsGood := normaliseAuthority(authority, defaultPort)
	path, pathIsGood := normalisePath(path)
	if !hostIsGood || !pathIsGood {
		return "", false
	}
	return scheme + "://" + authority + path, true
}

// normaliseAuthority returns host and port in small letters, without a port that is empty or the default one (RFC 3986
// §6.2.2.1, §6.2.3). A host with percent-encoding, which no name of a server has, is refused.
func normaliseAuthority(authority, defaultPort string) (string, bool) {
	host, port := authority, ""
	if colon := strings.LastIndexByte(authority, ':'); colon > strings.LastIndexByte(authority, ']') {
		host, port = authority[:colon], authority[colon+1:]
	}
	if literal, isLiteral := strings.CutPrefix(host, "["); isLiteral {
		literal, closed := strings.CutSuffix(literal, "]")
		address, err := netip.ParseAddr(literal)
		if !closed || err != nil || !address.Is6() || address.Zone() != "" {
			return "", false
		}
	} else if !consistsOf(host, isOfName) {
		return "", false
	}
	switch {
	case port == "" || port == defaultPort:
		return strings.ToLower(host), true
	case consistsOf(port, isDigit):
		return strings.ToLower(host) + ":" + port, true
	default:
		return "", false
	}
}

// normalisePath returns a path with one form of percent-encoding (RFC 3986 §6.2.2.1, §6.2.2.2) and without dot segments
// (§6.2.2.3). An empty one is "/" (§6.2.3).
func normalisePath(path string) (string, bool) {
	if path == "" {
		return "/", true
	}
	if !strings.Contains(path, "%") && !strings.Contains(path, "/.") {
		return path, consistsOf(path, isOfPath)
	}
	decoded := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		switch {
		case isOfPath(path[i]):
			decoded = append(decoded, path[i])
		case path[i] == '%' && i+2 < len(path) && isHex(path[i+1]) && isHex(path[i+2]):
			if octet := unhex(path[i+1])<<4 | unhex(path[i+2]); isUnreserved(octet) {
				decoded = append(decoded, octet)
			} else {
				decoded = append(decoded, strings.ToUpper(path[i:i+3])...)
			}
			i += 2
		default:
			return "", false
		}
	}
	return removeDotSegments(string(decoded)), true
}

// removeDotSegments holds RFC 3986 §5.2.4 for a path that begins with a slash.
func removeDotSegments(path string) string {
	var kept []string
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		switch segment {
		case ".", "..":
			if segment == ".." && len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
			if i == len(segments)-1 {
				kept = append(kept, "") // what ends in a dot segment ends in a slash
			}
		default:
			kept = append(kept, segment)
		}
	}
	return "/" + strings.Join(kept, "/")
}

// consistsOf reports whether text is not empty and has no other characters.
func consistsOf(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return text != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// The characters of RFC 3986 §2.3, §3.2.2 and §3.3.
func isUnreserved(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("-._~", c) >= 0
}

func isOfName(c byte) bool { return isUnreserved(c) || strings.IndexByte("!$&'()*+,;=", c) >= 0 }

func isOfPath(c byte) bool { return isOfName(c) || strings.IndexByte(":@/", c) >= 0 }
