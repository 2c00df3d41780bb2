package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/demo"
)

func newDemo(a *app) *cobra.Command {
	var last time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a router on every carrier at once, and who hears whom",
		Long: text(`
			demo runs a router in this process that listens on tcp://, tls://, unix://,
			quic://, dtls://, ws://, wss:// and mem:// at once, with a certificate and keys
			made for the run, and on Linux a serial:// port with a simulated device at the
			end of a noisy line. On each carrier there is a client that emits what this host
			really measures and hears what all the others emit; each event is printed by one
			of those who got it, with the carriers and codecs on its way. Requests are
			answered, a sender leaves and returns.

			At the end it says who has heard how many events of whom. The exit code is 1, and
			the error names the carrier, if one fails or an event has not arrived everywhere.

			It needs nothing: no file, no network, no other process.`),
		Example: text(`
			  gosig demo --for 10s
			  gosig demo              # until Ctrl-C`),
		Args: args(0, 0, "none"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if last < 0 {
				return usagef("--for %v: it cannot be negative", last)
			}
			return demo.Run(cmd.Context(), demo.Options{Out: a.std.Out, For: last, Program: program()})
		},
	}
	cmd.Flags().DurationVar(&last, "for", 0, "end after this time (default: at Ctrl-C)")
	return cmd
}

// program is how the user can call this program again. "go run" leaves nothing
// behind that could be called.
func program() string {
	self, err := os.Executable()
	if err != nil || strings.Contains(self, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/gosig"
	}
	if found, err := exec.LookPath("gosig"); err == nil {
		if same, err := filepath.EvalSymlinks(found); err == nil && same == self {
			return "gosig"
		}
	}
	return self
}
