package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// envName is the environment variable of a flag.
func envName(flag string) string {
	return "GOSIG_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// bindEnv gives the flags that are not on the command line what the
// environment says. An empty variable counts as one that is not set.
func bindEnv(cmd *cobra.Command, lookup func(string) (string, bool)) error {
	for _, f := range collect(cmd.LocalFlags().VisitAll) {
		value, ok := lookup(envName(f.Name))
		if !ok || value == "" || f.Changed || f.Name == "help" {
			continue
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			return usagef("%s=%q: %v", envName(f.Name), value, err)
		}
	}
	return nil
}

// nameEnv adds its environment variable to the help of each flag of the commands
// below cmd.
func nameEnv(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		nameEnv(c)
	}
	if !cmd.HasParent() {
		return
	}
	for _, f := range collect(cmd.LocalFlags().VisitAll) {
		f.Usage += " [" + envName(f.Name) + "]"
	}
}

// collect returns what a visitor visits.
func collect[F any](visitAll func(func(*F))) []*F {
	var all []*F
	visitAll(func(f *F) { all = append(all, f) })
	return all
}
