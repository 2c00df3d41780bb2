package ws

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// origins are the web pages that may connect, as browsers write them.
type origins map[string]bool

// newOrigins checks a list. An origin is compared whole: there are no patterns,
// and the server's own name is no exception.
func newOrigins(list []string) (origins, error) {
	all := make(origins)
	for _, given := range list {
		o, err := canonicalOrigin(given)
		if err != nil {
			return nil, err
		}
		all[o] = true
	}
	return all, nil
}

// canonicalOrigin returns an origin as browsers send it: in lower case, without
// the port that goes without saying.
func canonicalOrigin(given string) (string, error) {
	u, err := url.Parse(given)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.Scheme+"://"+u.Host != u.String() || strings.ContainsAny(u.Host, "*,") {
		return "", fmt.Errorf("origin %q is none: write what a browser sends, for example https://app.example or http://localhost:8080; there are no patterns", given)
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	for _, usual := range []string{"http:80", "https:443"} {
		name, port, _ := strings.Cut(usual, ":")
		if scheme == name {
			host = strings.TrimSuffix(host, ":"+port)
		}
	}
	return scheme + "://" + host, nil
}

// allows reports whether a request may come in: one of no browser, or of a page
// that is on the list.
func (o origins) allows(r *http.Request) bool {
	given, ok := r.Header["Origin"]
	return !ok || len(given) == 1 && o[given[0]]
}
