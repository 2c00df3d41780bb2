package certstest

import (
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"os"
	"testing"
)

// Fingerprint is that of the first certificate in a file, as carrier.Identity has it.
func Fingerprint(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s has no certificate", file)
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(block.Bytes))
}
