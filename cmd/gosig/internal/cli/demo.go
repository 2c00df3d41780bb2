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
		Short: "Show a router on several carriers with something happening on each",
		Long: text(`
			demo runs a router in this process, listening on tcp://, unix://, tls:// and
			mem:// at once. Four senders, each on a connection of its own, emit what this
			host really measures; viewers on other connections print what reaches them,
			with the carrier and codec it came by. A request is answered, a sender leaves
			and returns. At the end it says what has happened and what to try next.

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
