// Package inproc compares ways to hand an event to functions of the same
// process: gosig's registry, libraries that do something like it, and what the
// language offers by itself.
//
//	m, err := inproc.Measure("emit-1", []string{"loop", "gosig"}, 100*time.Millisecond)
//	fmt.Println(m["gosig"].Nanos / m["loop"].Nanos)
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
				entry{"channel", channel(n, queueSize)}, entry{"gosig", gosigQueue(n, queueSize)}, entry{"kelindar", kelindar(n)},
				entry{"cskr", cskr(n)}, entry{"watermill", watermill(n)},
			),
			row(
				fmt.Sprintf("queue-%d-deep", n),
				entry{"channel", channel(n, deepQueue)}, entry{"gosig", gosigQueue(n, deepQueue)}, entry{"kelindar", kelindar(n)},
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

// turns is how often each cell of a row has its turn.
const turns = 20

// Measure runs the cells of a row in short turns, each for about d together, so that
// whatever disturbs the machine for a while disturbs all of them; no turn is shorter
// than leastTurn. What it returns for a system is the median of its turns.
func Measure(rowName string, systems []string, d time.Duration) (map[string]Measured, error) {
	cells, err := cellsOf(rowName, systems)
	defer func() {
		for _, c := range cells {
			if c.stop != nil {
				c.stop()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, c := range cells {
		c.calibrate(d / turns)
	}
	settle()
	for turn := range turns {
		for i := range cells {
			cells[(i+turn)%len(cells)].turn() // nobody is always the first
		}
	}
	all := make(map[string]Measured, len(cells))
	for _, c := range cells {
		all[c.system] = c.measured()
	}
	return all, nil
}

// cell is one system's way, while it is being measured.
type cell struct {
	bench
	system string
	n      int // operations a turn
	nanos  []float64
	allocs uint64
}

// cellsOf makes the cells of a row, as far as that goes.
func cellsOf(rowName string, systems []string) (cells []*cell, err error) {
	rows := Rows()
	at := slices.IndexFunc(rows, func(r Row) bool { return r.Name == rowName })
	if at < 0 {
		return nil, fmt.Errorf("there is no row %s", rowName)
	}
	for _, system := range systems {
		i := slices.Index(rows[at].Systems, system)
		if i < 0 {
			return cells, fmt.Errorf("%s has no row %s", system, rowName)
		}
		b, err := rows[at].makers[i]()
		if err != nil {
			return cells, fmt.Errorf("%s of %s: %w", rowName, system, err)
		}
		cells = append(cells, &cell{bench: b, system: system})
	}
	return cells, nil
}

// leastTurn is long beside the time in which a system wakes its consumer, which
// kelindar/event does twice a millisecond.
const leastTurn = 5 * time.Millisecond

// calibrate finds how many operations fill a turn. What fills half of it has to do so
// twice: a single run may have waited for a processor.
func (c *cell) calibrate(d time.Duration) {
	d = max(d, leastTurn)
	for c.n = 1; ; c.n *= 2 {
		took := timed(c.run, c.n)
		if took >= d/2 {
			took = min(took, timed(c.run, c.n))
		}
		if took >= d/2 || c.n >= 1<<30 {
			c.n = max(int(float64(c.n)*float64(d)/float64(max(took, 1))), 1)
			return
		}
	}
}

// turn times the cell once, after a little that brings its memory close again.
func (c *cell) turn() {
	c.run(max(c.n/8, 1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took := timed(c.run, c.n)
	runtime.ReadMemStats(&after)
	c.nanos = append(c.nanos, float64(took)/float64(c.n))
	c.allocs += after.Mallocs - before.Mallocs
}

func (c *cell) measured() Measured {
	slices.Sort(c.nanos)
	return Measured{Nanos: c.nanos[len(c.nanos)/2], Allocs: float64(c.allocs) / float64(c.n*len(c.nanos))}
}

// settle touches the memory that the heap will fill before its next collection, as
// every program has that has run for a while. Otherwise a system with much alive pays
// for new pages in all of its turns, up to 13 µs each on a virtual machine, and one
// with little alive never does.
func settle() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	const piece, page = 32 << 10, 4 << 10
	for room := int64(m.NextGC) - int64(m.HeapAlloc); room > 0; room -= piece {
		garbage = make([]byte, piece)
		for i := 0; i < piece; i += page {
			garbage[i] = 1
		}
	}
	garbage = nil
	runtime.GC()
}

// garbage is allocated where the compiler cannot see that nobody wants it.
var garbage []byte

func timed(run func(int), n int) time.Duration {
	start := time.Now()
	run(n)
	return time.Since(start)
}
