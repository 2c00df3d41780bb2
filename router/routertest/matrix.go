package routertest

import (
	"hash/fnv"
	"os"
	"testing"
)

// matrixVariable names the environment variable that says how much of their
// matrices Carrier, Codecs, Between and Faulty run: "all", as by default, or
// "part", one world of each matrix. Which one hangs on the test's name, so that it
// is always the same one, and another one for another carrier. It is for a run
// beside one of all (.ci/run).
const matrixVariable = "GOSIG_MATRIX"

// chosen returns those of a test's worlds that are to run.
func chosen[T any](t *testing.T, worlds []T) []T {
	t.Helper()
	switch how := os.Getenv(matrixVariable); how {
	case "", "all":
		return worlds
	case "part":
		h := fnv.New32a()
		h.Write([]byte(t.Name()))
		i := int(h.Sum32() % uint32(len(worlds)))
		return worlds[i : i+1]
	default:
		t.Fatalf("%s=%q: want all or part", matrixVariable, how)
		return nil
	}
}
