// Command gosig runs a router, and talks to one from a shell: it subscribes,
// emits, requests, responds and lists. "gosig help" explains each command,
// "gosig demo" shows it all.
package main

import (
	"os"

	"github.com/gosig/gosig/cmd/gosig/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
