package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionLine is what "version -o json" prints.
type versionLine struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func newVersion(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print which version this is and what it was built with",
		Example: text(`
			  gosig version
			  gosig version -o json`),
		Args: args(0, 0, "none"),
		RunE: func(*cobra.Command, []string) error {
			v := buildVersion()
			if output == outJSON {
				_, err := fmt.Fprintf(a.std.Out, "%s\n", toJSON(v))
				return err
			}
			_, err := fmt.Fprintf(a.std.Out, "gosig %s %s %s/%s\n", v.Version, v.Go, v.OS, v.Arch)
			return err
		},
	}
	outputFlag(cmd, &output, outText)
	return cmd
}

func buildVersion() versionLine {
	v := versionLine{Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
