//go:build !missingcheck

package router

// enforced reports whether a check is made. It always is, and costs nothing: only
// a build with the tag missingcheck can leave one out, to see whether the tests in
// e2e/hostile notice.
func enforced(string) bool { return true }
