// Package inproc compares ways to hand an event to functions of the same
// process: gosig's registry, libraries that do something like it, and what the
// language offers by itself.
//
//	m, err := inproc.Measure("emit-1", "gosig", 100*time.Millisecond)
//	fmt.Println(m.Nanos, m.Allocs)
package inproc

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// Measured is what one operation costs.
type Measured struct {
	Nanos  float64
	Allocs float64
}

// bench is one way to do what a row says. run does n operations and returns
// when their effect is there; stop, which may be nil, ends what was started.
type bench struct {
	run  func(n int)
	stop func()
}

// Row is one question, and who answers it.
type Row struct {
	Name    string
	Systems []string
	makers  []func() (bench, error)
}

// entry is one system's answer.
type entry struct {
	system string
	make   func() (bench, error)
}

func row(name string, entries ...entry) Row {
	r := Row{Name: name}
	for _, e := range entries {
		r.Systems = append(r.Systems, e.system)
		r.makers = append(r.makers, e.make)
	}
	return r
}

// Rows lists all questions. "loop" is a bare loop over an atomic snapshot of
// functions of an int, "eventloop" the same with functions that are told the
// names of sender and event, as gosig's are.
func Rows() []Row {
	rows := []Row{
		row("emit-0", entry{"loop", loop(0)}, entry{"gosig", gosigEmit(0)}),
		row(
			"emit-1",
			entry{"loop", loop(1)}, entry{"eventloop", eventLoop(1)}, entry{"gosig", gosigEmit(1)},
			entry{"maniartech", maniartech(1)}, entry{"eventbus", eventBus(1)}, entry{"mustafaturan", mustafaturan(1)},
		),
		row(
			"emit-10",
			entry{"loop", loop(10)}, entry{"eventloop", eventLoop(10)}, entry{"gosig", gosigEmit(10)},
			entry{"maniartech", maniartech(10)}, entry{"eventbus", eventBus(10)}, entry{"mustafaturan", mustafaturan(10)},
		),
	}
	for _, n := range []int{100, 1000} {
		rows = append(rows, row(
			fmt.Sprintf("emit-%d", n),
			entry{"loop", loop(n)}, entry{"eventloop", eventLoop(n)}, entry{"gosig", gosigEmit(n)},
		))
	}
	for _, n := range []int{1, 1000, 100_000} {
		rows = append(rows, row(
			fmt.Sprintf("name-%d", n),
			entry{"map", nameMap(n)}, entry{"gosig", gosigNames(n, false)}, entry{"gosig-boxed", gosigNames(n, true)},
		))
	}
	for _, n := range []int{1, 2} {
		rows = append(
			rows,
			row(fmt.Sprintf("parallel-%d", n), entry{"gosig", gosigParallel(n)}, entry{"loop", loopParallel(n)}),
			row(
				fmt.Sprintf("queue-%d", n),
				entry{"channel", channel(n)}, entry{"gosig", gosigQueue(n)}, entry{"kelindar", kelindar(n)},
				entry{"cskr", cskr(n)}, entry{"watermill", watermill(n)},
			),
		)
	}
	for _, n := range []int{1000, 100_000} {
		rows = append(rows, row(fmt.Sprintf("subscribe-%d", n), entry{"gosig", gosigSubscribe(n)}))
	}
	for _, n := range []int{100, 100_000} {
		rows = append(rows, row(fmt.Sprintf("match-%d", n), entry{"gosig", gosigMatch(n)}))
	}
	return rows
}

// Measure runs one cell for about d.
func Measure(rowName, system string, d time.Duration) (Measured, error) {
	for _, r := range Rows() {
		if i := slices.Index(r.Systems, system); r.Name == rowName && i >= 0 {
			b, err := r.makers[i]()
			if err != nil {
				return Measured{}, fmt.Errorf("%s of %s: %w", rowName, system, err)
			}
			if b.stop != nil {
				defer b.stop()
			}
			return b.measure(d), nil
		}
	}
	return Measured{}, fmt.Errorf("%s has no row %s", system, rowName)
}

// measure finds how many operations fill d, and then times as many.
func (b bench) measure(d time.Duration) Measured {
	n := 1
	for {
		took := timed(b.run, n)
		if took >= d/4 || n >= 1<<30 {
			n = max(int(float64(n)*float64(d)/float64(max(took, 1))), 1)
			break
		}
		n *= 2
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	took := timed(b.run, n)
	runtime.ReadMemStats(&after)
	return Measured{
		Nanos:  float64(took) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
	}
}

func timed(run func(int), n int) time.Duration {
	start := time.Now()
	run(n)
	return time.Since(start)
}
