package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/gosig/gosig/interop/bench/inproc"
	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
)

// Commands of the processes that this program starts of itself. The first
// argument says which it is; then commands come as lines of JSON on standard
// input, and each is answered by one line on standard output.
//
//	parent                       server                load
//	  | -- serve {env} ---------->|                      |
//	  |<-- address ---------------|                      |
//	  | -- run {spec} ---------------------------------->|
//	  |<-- mark "begin" ---------------------------------|
//	  | -- usage ---------------->|                      |
//	  | -- go on --------------------------------------->|
//	  |<-- mark "end" -----------------------------------|  and so on
//	  |<-- measured -------------------------------------|
const (
	childServer = "__server"
	childLoad   = "__load"
	childInproc = "__inproc"
	childAwake  = "__awake"
)

// command is what the parent asks of a child.
type command struct {
	Do     string // serve, usage, occupied, occupies, run, go on, profile, measure
	System string
	Env    peer.Env
	Spec   load.Spec
	Row    string
	// Systems are those of Row, which are measured in turns.
	Systems []string
	For     time.Duration
	File    string // of a profile; "": none, or end it
}

// answer is what a child says.
type answer struct {
	Error    string
	Address  string
	Mark     string // "begin", "end" or "sample": the parent answers with "go on"
	Used     load.Usage
	Occupied load.Footprint
	Measured load.Measured
	Inproc   map[string]inproc.Measured // by system
}

// process is a child, as its parent sees it.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// start runs this program again as a child.
func start(kind string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", kind, err)
	}
	return &process{cmd, in, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}, nil
}

// ask sends a command and returns the next line that comes back.
func (p *process) ask(c command) (answer, error) {
	var a answer
	if err := p.enc.Encode(c); err != nil {
		return a, fmt.Errorf("%s: %w", p.cmd.Args[1], err)
	}
	return p.hear()
}

func (p *process) hear() (a answer, err error) {
	if err := p.dec.Decode(&a); err != nil {
		return a, fmt.Errorf("%s has ended: %w", p.cmd.Args[1], err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

// stop ends the child: it returns when its standard input ends.
func (p *process) stop() {
	_ = p.in.Close() // the child sees the end either way
	over := time.AfterFunc(stopPatience, func() { _ = p.cmd.Process.Kill() })
	defer over.Stop()
	_ = p.cmd.Wait() // a child that was killed has nothing more to tell
}

// stopPatience is how long a child may take to end.
const stopPatience = 5 * time.Second

// child is the other side.
type child struct {
	in  *json.Decoder
	out *json.Encoder
}

func newChild() *child {
	return &child{json.NewDecoder(bufio.NewReader(os.Stdin)), json.NewEncoder(os.Stdout)}
}

// serve answers commands until the parent has no more.
func (c *child) serve(do func(command) (answer, error)) error {
	for {
		var cmd command
		if err := c.in.Decode(&cmd); err != nil {
			return nil // the parent is done with us
		}
		a, err := do(cmd)
		if err != nil {
			a.Error = err.Error()
		}
		if err := c.out.Encode(a); err != nil {
			return err
		}
	}
}
