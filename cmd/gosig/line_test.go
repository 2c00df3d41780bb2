package main

import (
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

type linesKey struct{}

// cmdLine lays a serial line, or changes how bad it is. Its ends are ports.
func cmdLine(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, neg, len(args) == 1 || len(args) == 2, "line NAME [BIT-ERRORS]")
	all := ts.Value(linesKey{}).(map[string]*linesim.Line)
	name := args[0]
	line := all[name]
	if line == nil {
		line = linesim.NewLine(&linesim.LineOptions{Baud: 115200, Strict: true, Seed: 1})
		ts.Defer(func() { _ = line.Close() })
		all[name] = line
		for end, suffix := range map[linesim.End]string{linesim.A: "_a", linesim.B: "_b"} {
			port, err := linesim.NewPort(ts.MkAbs(name + suffix))
			ts.Check(err)
			line.Attach(end, port)
		}
	}
	var damage linesim.Damage
	if len(args) == 2 {
		var err error
		damage.BitErrors, err = strconv.ParseFloat(args[1], 64)
		ts.Check(err)
	}
	line.Set(damage)
}
