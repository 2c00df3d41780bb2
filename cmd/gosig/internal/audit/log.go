package audit

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options of [Open]; the zero value works.
type Options struct {
	// Logger is told what could not be written; default slog.Default().
	Logger *slog.Logger
	// Window is for how long denials that are alike are counted before a line
	// says how many there were; default one minute. See [Log.Add].
	Window time.Duration

	unsynced bool // for tests that open many logs
}

const (
	defaultWindow = time.Minute
	// queueSize is what may wait for a slow disk.
	queueSize = 4096
	syncEvery = time.Second
)

// Log is an audit log that is being written. Any number of goroutines may use it.
type Log struct {
	path    string
	log     *slog.Logger
	window  time.Duration
	sync    func(*os.File) error
	queue   chan Entry    // what waits for the writer; closed by Close
	ops     chan func()   // capacity 0: what to run in the writer
	stopped chan struct{} // closed when the writer has ended
	once    sync.Once
	err     error // of Close

	mu     sync.Mutex
	closed bool
	lost   int // entries that found no place in the queue
	alike  sampler

	// Of the writer alone.
	file    *os.File
	next    int64
	prev    string
	cut     []byte // what is left in the file of a line that could not be written
	unsaid  int    // lost entries that no line has told of yet
	dirty   bool   // something is not on the disk
	failing bool   // the last write failed, which has been logged
}

// Open begins or continues a log. Its file is made for its owner alone, and only
// one router can write it at a time. A last line that was cut off is left as it
// is, and the next one says so.
func Open(path string, opts *Options) (*Log, error) {
	if opts == nil {
		opts = &Options{}
	}
	l := &Log{
		path: path, log: opts.Logger, window: opts.Window,
		queue: make(chan Entry, queueSize), ops: make(chan func()), stopped: make(chan struct{}),
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	if l.window == 0 {
		l.window = defaultWindow
	}
	l.alike.init(l.window)
	l.sync = (*os.File).Sync
	if opts.unsynced {
		l.sync = func(*os.File) error { return nil }
	}
	if err := l.open(none); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if err := l.write(Entry{Kind: Opened}); err != nil {
		l.file.Close()
		return nil, fmt.Errorf("audit log: %w", err)
	}
	go l.run() // ends with Close
	return l, nil
}

// open opens the file and finds where its chain ends; that of an empty one
// begins with prev.
func (l *Log) open(prev string) error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err = lock(f); err != nil {
		f.Close()
		return fmt.Errorf("%s is being written by another router: %w", l.path, err)
	}
	end, err := lastLine(f)
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.next, l.prev = f, end.number+1, end.hash
	if end.number == 0 && end.hash == "" {
		l.prev = prev
	}
	if end.newline {
		if _, err := f.Write([]byte("\n")); err != nil {
			f.Close()
			return err
		}
	}
	if end.torn {
		return l.write(Entry{Kind: Resumed, Reason: "the line before was cut off"})
	}
	return nil
}

// Add writes an entry, soon. It does not block. Of denials that are alike in
// principal, verb and rule, and of refusals at one listener, the first is written
// at once and the others are counted: one line for each [Options.Window] has the
// last of them and says how many there were.
func (l *Log) Add(e Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if (e.Kind == Denied || e.Kind == Refused) && !l.alike.first(e, time.Now()) {
		return
	}
	l.put(e)
}

// put hands an entry to the writer; l.mu is held.
func (l *Log) put(e Entry) {
	if l.closed {
		return
	}
	select {
	case l.queue <- e:
	default:
		l.lost++
	}
}

// Last returns the number of the last line and its hash: kept elsewhere, they
// show later whether the log is still the same.
func (l *Log) Last() (number int64, hash string) {
	l.do(func() { number, hash = l.next-1, l.prev })
	return number, hash
}

// Reopen goes on in a new file if the old one was moved away, with the chain of
// the old one.
func (l *Log) Reopen() error {
	var err error
	l.do(func() { err = l.reopen() })
	return err
}

// do runs f in the writer, behind what has been added, or here once that has
// ended.
func (l *Log) do(f func()) {
	done := make(chan struct{}) // closed when f has run
	select {
	case l.ops <- func() { f(); close(done) }:
		<-done
	case <-l.stopped:
		l.mu.Lock()
		defer l.mu.Unlock()
		f()
	}
}

func (l *Log) reopen() error {
	now, err := os.Stat(l.path)
	if err == nil {
		if have, err := l.file.Stat(); err == nil && os.SameFile(now, have) {
			return nil
		}
	}
	old := l.file
	number := l.next
	if err := l.open(l.prev); err != nil {
		l.file, l.next = old, number
		return fmt.Errorf("audit log: %w", err)
	}
	if l.next == 1 {
		l.next = number // it is the same log
	}
	return errors.Join(l.sync(old), old.Close(), l.write(Entry{Kind: Opened, Reason: "the file before was moved away"}))
}

// Close writes what is left and brings it to the disk. Safe to call twice.
func (l *Log) Close() error {
	l.once.Do(func() {
		l.mu.Lock()
		for _, e := range l.alike.all() {
			l.put(e)
		}
		l.closed = true
		close(l.queue)
		l.mu.Unlock()
		<-l.stopped
		l.account()
		l.err = errors.Join(l.write(Entry{Kind: Closed}), l.sync(l.file), l.file.Close())
	})
	return l.err
}

// run writes what comes.
func (l *Log) run() {
	defer close(l.stopped)
	tick := time.NewTicker(min(syncEvery, l.window))
	defer tick.Stop()
	for {
		select {
		case e, ok := <-l.queue:
			if !ok {
				return
			}
			l.take(e)
		case f := <-l.ops:
			l.catchUp()
			f()
		case now := <-tick.C:
			l.tick(now)
		}
	}
}

// catchUp writes what waits.
func (l *Log) catchUp() {
	for {
		select {
		case e, ok := <-l.queue:
			if !ok {
				return
			}
			l.take(e)
		default:
			return
		}
	}
}

func (l *Log) take(e Entry) {
	l.account()
	if l.write(e) != nil {
		l.unsaid++
	}
}

// tick counts denials up, and brings to the disk what is not there.
func (l *Log) tick(now time.Time) {
	l.mu.Lock()
	counted := l.alike.due(now)
	l.mu.Unlock()
	l.account()
	for _, e := range counted {
		if l.write(e) != nil {
			l.unsaid += e.Count
		}
	}
	if l.dirty {
		l.dirty = l.failed(l.sync(l.file)) != nil
	}
}

// account tells of entries that were lost.
func (l *Log) account() {
	l.mu.Lock()
	l.unsaid += l.lost
	l.lost = 0
	l.mu.Unlock()
	if l.unsaid > 0 && l.write(Entry{Kind: Lost, Count: l.unsaid, Reason: "the disk was too slow, or full"}) == nil {
		l.unsaid = 0
	}
}

// write appends a line.
func (l *Log) write(e Entry) error {
	if l.cut != nil {
		if err := l.append("\n", l.next+1, Entry{Kind: Resumed, Reason: "the line before was cut off"}, hash(l.cut)); err != nil {
			return l.failed(err)
		}
		l.cut = nil
	}
	return l.failed(l.append("", l.next, e, l.prev))
}

// append writes a line behind what ends the one before. A half-written one is
// taken back if that is possible; if not, it is left for the next one to tell.
func (l *Log) append(before string, number int64, e Entry, prev string) error {
	n := line{Number: number, Time: time.Now().UTC(), Entry: e, Prev: prev}
	b, err := n.encode()
	if err != nil {
		return err
	}
	size, err := l.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	wrote, err := l.file.Write([]byte(before + string(b) + "\n"))
	if err != nil {
		if wrote > 0 && l.file.Truncate(size) != nil {
			l.cut = append(l.cut, b[:min(wrote, len(b))]...)
		}
		return err
	}
	l.next = number + 1
	l.prev = hash(b)
	l.dirty = true
	return nil
}

// failed logs the first of several failures.
func (l *Log) failed(err error) error {
	if err != nil && !l.failing {
		l.log.Error("the audit log cannot be written", "file", l.path, "error", err)
	}
	l.failing = err != nil
	return err
}
