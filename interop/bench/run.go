package main

import (
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/gosig/gosig/interop/bench/load"
	"github.com/gosig/gosig/interop/bench/peer"
	"github.com/gosig/gosig/interop/bench/report"
)

// runner measures scenarios, one repetition of all after the other, so that
// what disturbs the machine for a while disturbs all systems.
type runner struct {
	repetitions   int
	warm, measure time.Duration
	inproc        time.Duration
	profiles      string // folder, "": none
	window        int    // of scenarios that say nothing; 0: the default
	certificates  string

	servers map[serverKey]*served
	loads   map[string]*process
	inside  *process
	results *report.Results

	hopsKnown bool // they are in results
}

type serverKey struct {
	system  string
	secure  bool
	carrier string
}

// served is a server process with its environment for clients.
type served struct {
	*process
	env peer.Env
}

// run measures everything. Repetitions that fail are noted in the results.
func (r *runner) run(list []scenario) {
	total := 0
	for _, s := range list {
		total += r.repetitions * len(s.systems)
	}
	progress := report.NewProgress(os.Stderr, total)
	defer progress.End()
	defer r.stopAll()
	for repetition := range r.repetitions {
		for _, s := range list {
			if s.inproc {
				r.inprocRow(s, repetition, progress)
				continue
			}
			r.row(s, repetition, progress)
		}
	}
}

// row measures all systems of a row once, or in as many short turns as it has. Each turn
// counts as a repetition.
func (r *runner) row(s scenario, repetition int, progress *report.Progress) {
	turns := max(s.turns, 1)
	for turn := range turns {
		nth := repetition*turns + turn
		for i := range s.systems {
			system := s.systems[(i+nth)%len(s.systems)] // nobody is always the first
			if turn == 0 {
				progress.Step(fmt.Sprintf("%s, %s, %d of %d", s.name, system, repetition+1, r.repetitions))
			}
			figures, err := r.cell(s, system, nth)
			if err != nil {
				r.results.Fail(s.name, system, err)
				r.drop(system)
				continue
			}
			r.results.Add(s.name, system, nth, figures)
		}
	}
}

func (r *runner) cell(s scenario, system string, repetition int) (report.Figures, error) {
	if s.fresh {
		r.drop(system)
		defer r.drop(system)
	}
	server, err := r.server(serverKey{system, s.secure, s.carrier})
	if err != nil {
		return nil, err
	}
	client, err := r.load(system)
	if err != nil {
		return nil, err
	}
	if keep, err := r.keepAwake(s.idle); err != nil {
		return nil, err
	} else if keep {
		spinner, err := start(childAwake)
		if err != nil {
			return nil, err
		}
		defer spinner.stop()
	}
	spec := s.spec
	if spec.Window == 0 {
		spec.Window = r.window
	}
	turns := time.Duration(max(s.turns, 1))
	spec.System, spec.Env = system, server.env
	spec.Warm, spec.Measure = r.warm/turns, r.measure*time.Duration(max(s.slower, 1))/turns
	w := &watcher{server: server.process, idle: s.spec.Kind == load.Idle}
	var file string
	if r.profiles != "" && repetition == 0 {
		base := filepath.Join(r.profiles, s.name+"-"+system)
		w.file, file = base+"-server.pprof", base+"-load.pprof"
	}
	a, err := client.ask(command{Do: "run", Spec: spec, File: file})
	for err == nil && a.Mark != "" {
		if err = w.at(a.Mark); err == nil {
			a, err = client.ask(command{Do: "go on"})
		}
	}
	if err != nil {
		return nil, err
	}
	w.complete(a.Measured, spec)
	return a.Measured, nil
}

// keepAwake reports whether processors are to be kept from halting. To find out what makes
// a hop cheaper, hops are measured once a run.
func (r *runner) keepAwake(idle idleness) (bool, error) {
	if idle != quickHops {
		return idle == awake, nil
	}
	m := &r.results.Machine
	if !r.hopsKnown {
		var err error
		if m.HopHalting, m.HopAwake, err = hops(); err != nil {
			return false, err
		}
		r.hopsKnown = true
	}
	return m.HopAwake <= m.HopHalting, nil
}

// hops measures a hop with the processors halting, and kept awake: the least of some
// medians each, since others may disturb.
func hops() (inHalt, inSpin time.Duration, err error) {
	inHalt, inSpin = math.MaxInt64, math.MaxInt64
	for range 3 {
		took, err := hop()
		if err != nil {
			return 0, 0, err
		}
		inHalt = min(inHalt, took)
		if took, err = hopAwake(); err != nil {
			return 0, 0, err
		}
		inSpin = min(inSpin, took)
	}
	return inHalt, inSpin, nil
}

func hopAwake() (time.Duration, error) {
	spinner, err := start(childAwake)
	if err != nil {
		return 0, err
	}
	defer spinner.stop()
	time.Sleep(20 * time.Millisecond) // it spins by then
	return hop()
}

// inprocRow measures a row within one process, all systems in turns.
func (r *runner) inprocRow(s scenario, repetition int, progress *report.Progress) {
	for _, system := range s.systems {
		progress.Step(fmt.Sprintf("%s, %s, %d of %d", s.name, system, repetition+1, r.repetitions))
	}
	a, err := r.askInside(command{Do: "measure", Systems: s.systems, Row: s.name[len(inprocPrefix):], For: r.inproc})
	for _, system := range s.systems {
		if err != nil {
			r.results.Fail(s.name, system, err)
			continue
		}
		m := a.Inproc[system]
		r.results.Add(s.name, system, repetition, report.Figures{nanos: m.Nanos, allocs: m.Allocs})
	}
}

func (r *runner) askInside(cmd command) (a answer, err error) {
	if r.inside == nil {
		if r.inside, err = start(childInproc); err != nil {
			return a, err
		}
	}
	return r.inside.ask(cmd)
}

// server returns the server process of a system, started when first needed.
func (r *runner) server(key serverKey) (*served, error) {
	if s := r.servers[key]; s != nil {
		return s, nil
	}
	p, err := start(childServer)
	if err != nil {
		return nil, err
	}
	env := peer.Env{Queue: load.Queue, Carrier: key.carrier}
	if key.secure {
		env.Certificates = r.certificates
	}
	a, err := p.ask(command{Do: "serve", System: key.system, Env: env})
	if err != nil {
		p.stop()
		return nil, err
	}
	env.Address = a.Address
	s := &served{p, env}
	r.servers[key] = s
	return s, nil
}

func (r *runner) load(system string) (*process, error) {
	if p := r.loads[system]; p != nil {
		return p, nil
	}
	p, err := start(childLoad)
	if err == nil {
		r.loads[system] = p
	}
	return p, err
}

// drop ends a system's processes; the next cell starts new ones.
func (r *runner) drop(system string) {
	if p := r.loads[system]; p != nil {
		p.stop()
		delete(r.loads, system)
	}
	for key, s := range r.servers {
		if key.system == system {
			s.stop()
			delete(r.servers, key)
		}
	}
}

func (r *runner) stopAll() {
	for _, p := range r.loads {
		p.stop()
	}
	for _, s := range r.servers {
		s.stop()
	}
	if r.inside != nil {
		r.inside.stop()
	}
}

// watcher looks at the server when the measuring begins and when it ends.
type watcher struct {
	server *process
	idle   bool
	file   string // of a profile

	from, to answer
	samples  []load.Footprint
}

func (w *watcher) at(mark string) (err error) {
	if mark == "sample" {
		a, err := w.server.ask(command{Do: "occupies"})
		w.samples = append(w.samples, a.Occupied)
		return err
	}
	question := "usage"
	if w.idle {
		question = "occupied"
	}
	if mark == "begin" {
		if w.from, err = w.server.ask(command{Do: question}); err == nil && w.file != "" {
			_, err = w.server.ask(command{Do: "profile", File: w.file})
		}
		return err
	}
	if w.file != "" {
		if _, err := w.server.ask(command{Do: "profile"}); err != nil {
			return err
		}
	}
	w.to, err = w.server.ask(command{Do: question})
	return err
}

// complete adds the server's figures. They are taken over a slightly longer time
// than the load's, so it is their share of that time which counts.
func (w *watcher) complete(m load.Measured, spec load.Spec) {
	maps.Copy(m, load.Growth(w.samples))
	switch {
	case w.to.Used.At.After(w.from.Used.At):
		maps.Copy(m, load.Share(w.from.Used, w.to.Used, m[load.Rate], load.OfServer))
	case w.idle && spec.Connections > 0:
		n := float64(spec.Connections)
		m[load.Memory] = (float64(w.to.Occupied.RSS) - float64(w.from.Occupied.RSS)) / n
		m[load.Heap] = (float64(w.to.Occupied.Heap) - float64(w.from.Occupied.Heap)) / n
		m[load.Goroutines] = float64(w.to.Occupied.Goroutines-w.from.Occupied.Goroutines) / n
	}
}
