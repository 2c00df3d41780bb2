//go:build !unix || solaris || aix

package audit

import "os"

// lock cannot keep others away here.
func lock(*os.File) error { return nil }
