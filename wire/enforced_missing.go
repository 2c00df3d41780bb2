//go:build missingcheck

package wire

import "os"

// leftOut is the one check that is not made.
var leftOut = os.Getenv("GOSIG_MISSING_CHECK")

func enforced(check string) bool { return check != leftOut }
