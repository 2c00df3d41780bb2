package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gosig": main})
}

// TestScripts runs testdata/script. Beside testscript's own commands there are:
//
//	start NAME PROGRAM ARGS...     run it in the background
//	await NAME stdout|stderr RE    wait for a line; $NAME_1 ... are what RE's groups matched
//	signal NAME TERM|INT|KILL|HUP  send a signal
//	ended NAME CODE                wait for its end; its output is in NAME.stdout and NAME.stderr
//	code N PROGRAM ARGS...         like exec, but it must end with that exit code
//	lines N FILE                   write a file with the lines "line 1" ... "line N"
//	line NAME [BIT-ERRORS]         lay a serial line of 115200 baud between the ports NAME_a and NAME_b,
//	                               or change how many bits it damages
//	certificates                   write ca.pem, cert.pem and key.pem for 127.0.0.1
func TestScripts(t *testing.T) {
	certificates := newCertificates(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Values[processesKey{}] = &processes{byName: map[string]*process{}}
			env.Values[linesKey{}] = map[string]*linesim.Line{}
			// Names of hosts differ from machine to machine.
			env.Setenv("GOSIG_NAME", "tester")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": cmdStart, "await": cmdAwait, "signal": cmdSignal, "ended": cmdEnded,
			"code": cmdCode, "lines": cmdLines, "line": cmdLine, "certificates": certificates,
		},
	})
}
