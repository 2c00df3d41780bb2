package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/sig"
)

// Exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitDenied  = 3
	exitTimeout = 4
	exitNobody  = 5 // no such sender or method
)

func exitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, sig.ErrDenied):
		return exitDenied
	case errors.Is(err, sig.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case errors.Is(err, sig.ErrNoSender), errors.Is(err, sig.ErrNoMethod):
		return exitNobody
	}
	return exitFailed
}

// usageError is a command line that cannot be run.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}

// errReported ends a command whose errors have been told already.
var errReported = errors.New("failed")

// report tells why a command ended.
func report(w io.Writer, cmd *cobra.Command, err error) {
	if errors.Is(err, errReported) {
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "gosig: %s\n", strings.TrimSuffix(line, "\n"))
	}
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(w, "gosig: see %s --help\n", cmd.CommandPath())
	}
}

// unreachable explains why there is no connection to addr, and what to do.
func unreachable(addr string, err error) error {
	unix := strings.HasPrefix(addr, "unix:")
	for _, r := range reasons {
		if errors.Is(err, r.cause) && (unix || !r.unix) {
			return &explained{text: fmt.Sprintf("cannot reach %s: %s", addr, strings.ReplaceAll(r.text, "ADDR", addr)), cause: err}
		}
	}
	text := err.Error()
	for _, said := range []string{"dial ", "connect to "} {
		text = strings.TrimPrefix(text, said+addr+": ")
	}
	return &explained{text: fmt.Sprintf("cannot reach %s: %s%s", addr, text, hint(err)), cause: err}
}

// reasons are the usual ones, in the words of this command line.
var reasons = []struct {
	cause error
	unix  bool // the same error of another carrier is about some other file
	text  string
}{
	{syscall.ECONNREFUSED, false, "connection refused: is a router listening there? start one with: gosig serve --listen ADDR"},
	{fs.ErrNotExist, true, "there is no such socket: is a router listening there? start one with: gosig serve --listen ADDR"},
	{fs.ErrPermission, true, "permission denied: the socket belongs to another user"},
	{tcp.ErrNotTLS, false, "it does not speak TLS: if it is a tcp:// listener, connect to it by tcp://"},
	{tcp.ErrIsTLS, false, "it speaks TLS: connect to it by tls://"},
}

// explained is an error told in other words.
type explained struct {
	text  string
	cause error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.cause }

// hint says what a user can do about an error that explains itself otherwise.
func hint(err error) string {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
	)
	switch {
	case errors.As(err, &authority):
		return ": name the CA that signed its certificate with --tls-ca FILE"
	case errors.As(err, &host):
		return ": its certificate is for another name; connect by one of those, or name one with --tls-name"
	case errors.Is(err, sig.ErrNoCodec):
		return ": see --codec"
	}
	return ""
}
