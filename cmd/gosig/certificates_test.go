package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gosig/gosig/carrier/certs/certstest"
)

// newCertificates makes a CA and a certificate signed by it, which serves for
// 127.0.0.1 and names a client as well. The command that it returns writes them
// to a script's folder.
func newCertificates(t *testing.T) func(*testscript.TestScript, bool, []string) {
	ca := certstest.New(t, "test CA")
	cert, key := ca.Issue("test", certstest.Loopback, certstest.URIs("sig:test"))
	return func(ts *testscript.TestScript, neg bool, args []string) {
		usage(ts, neg, len(args) == 0, "certificates")
		for name, from := range map[string]string{"ca.pem": ca.File, "cert.pem": cert, "key.pem": key} {
			pem, err := os.ReadFile(from)
			ts.Check(err)
			ts.Check(os.WriteFile(ts.MkAbs(name), pem, 0o600))
		}
	}
}
