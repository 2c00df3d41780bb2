package main

import (
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/gosig/gosig/interop/bench/inproc"
	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
)

// runChild is main of the processes that this program starts of itself. It
// reports false for any other argument.
func runChild(kind string) (is bool, err error) {
	c := newChild()
	switch kind {
	case childServer:
		s := &serverChild{}
		defer s.close()
		return true, c.serve(s.do)
	case childLoad:
		l := &loadChild{child: c}
		return true, c.serve(l.do)
	case childInproc:
		return true, c.serve(func(cmd command) (answer, error) {
			m, err := inproc.Measure(cmd.Row, cmd.Systems, cmd.For)
			return answer{Inproc: m}, err
		})
	case childAwake:
		return true, stayAwake(os.Stdin)
	}
	return false, nil
}

// serverChild is the server process.
type serverChild struct {
	server  io.Closer
	profile profile
}

func (s *serverChild) do(cmd command) (a answer, err error) {
	switch cmd.Do {
	case "serve":
		sys, err := peer.Find(cmd.System)
		if err != nil {
			return a, err
		}
		a.Address, s.server, err = sys.Serve(cmd.Env)
		return a, err
	case "usage":
		return answer{Used: load.Used()}, nil
	case "occupied":
		return answer{Occupied: load.Occupied()}, nil
	case "occupies":
		return answer{Occupied: load.Occupies()}, nil
	case "profile":
		return a, s.profile.to(cmd.File)
	}
	return a, fmt.Errorf("a server does not %q", cmd.Do)
}

func (s *serverChild) close() {
	if s.server != nil {
		_ = s.server.Close() // the process ends
	}
}

// loadChild is the load process.
type loadChild struct {
	*child
	profile profile
	file    string // where to write a profile of what is measured
}

func (l *loadChild) do(cmd command) (a answer, err error) {
	if cmd.Do != "run" {
		return a, fmt.Errorf("a load process does not %q", cmd.Do)
	}
	l.file = cmd.File
	a.Measured, err = load.Run(cmd.Spec, l)
	return a, err
}

// Begin implements [load.Marks].
func (l *loadChild) Begin() {
	l.mark("begin")
	if l.file != "" {
		l.note(l.profile.to(l.file))
	}
}

// End implements [load.Marks].
func (l *loadChild) End() {
	if l.file != "" {
		l.note(l.profile.to(""))
	}
	l.mark("end")
}

// Sample implements [load.Marks].
func (l *loadChild) Sample() { l.mark("sample") }

func (l *loadChild) note(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
}

// mark tells the parent and waits until it has looked at the server.
func (l *loadChild) mark(name string) {
	var cmd command
	if l.out.Encode(answer{Mark: name}) != nil || l.in.Decode(&cmd) != nil {
		os.Exit(1) // the parent is gone
	}
}

// profile is a CPU profile under way.
type profile struct{ f *os.File }

// to begins a profile, or ends it if file is "".
func (p *profile) to(file string) (err error) {
	if file == "" {
		pprof.StopCPUProfile()
		return p.f.Close()
	}
	if p.f, err = os.Create(file); err != nil {
		return err
	}
	return pprof.StartCPUProfile(p.f)
}
