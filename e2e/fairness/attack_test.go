package fairness

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/auth"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/wire"
)

// attacks are what one principal does, with as many connections as it gets.
var attacks = []struct {
	name  string
	about string
	run   func(*attacker)
}{
	{"flood", "8 connections emit as fast as they can, 8 more hear all of it", (*attacker).flood},
	{"drizzle", "the same in writes of one event each", (*attacker).drizzle},
	{"ask", "16 connections ask the honest method without end", (*attacker).ask},
	{"wide", "16 connections subscribe to everything by 1,000 patterns each", (*attacker).wide},
	{"connect", "16 at a time connect and leave, thousands of times", (*attacker).storm},
	{"mute", "15 connections subscribe to everything and never read, one emits 16 KiB events", (*attacker).mute},
}

// spinning is what a process does that talks to nobody.
const spinning = "spin"

// attacker is a process that attacks until it is killed.
type attacker struct {
	addr  string
	token auth.Credential
	set   *carrier.Set
	done  atomic.Int64 // what it has done, of whatever it does
	wg    sync.WaitGroup
}

// attack runs one of the attacks in this process.
func attack(name string) {
	if name == spinning {
		spin()
	}
	token, err := auth.LoadCredential(os.Getenv("GOSIG_FAIRNESS_TOKEN"))
	check(err)
	set, err := carrier.NewSet(tcp.New(&tcp.Options{Logger: slog.New(slog.DiscardHandler)}))
	check(err)
	a := &attacker{addr: os.Getenv("GOSIG_FAIRNESS_ADDR"), token: token, set: set}
	go func() { // to the end of the process
		for range time.Tick(time.Second) {
			fmt.Println(a.done.Swap(0))
		}
	}()
	for _, at := range attacks {
		if at.name == name {
			at.run(a)
		}
	}
	a.wg.Wait()
}

// spin keeps all processors busy until the process is killed.
func spin() {
	for range runtime.GOMAXPROCS(0) {
		go func() { // to the end of the process
			for n := 0; ; n++ {
				_ = sha256.Sum256([]byte{byte(n)})
			}
		}()
	}
	select {}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// each runs f on n connections of its own, again when one ends.
func (a *attacker) each(n int, f func(i int, c carrier.Conn) error) {
	for i := range n {
		a.wg.Go(func() { // to the end of the process
			for {
				c, err := a.connect()
				if err == nil {
					err = f(i, c)
					c.Close()
				}
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
}

// connect comes in as the attacker.
func (a *attacker) connect() (carrier.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := a.set.Dial(ctx, a.addr)
	if err != nil {
		return nil, err
	}
	h := wire.Hello{MinVersion: wire.MinVersion, MaxVersion: wire.Version, Name: "attacker", Codecs: []string{"raw"}, Features: wire.FeatureAuth}
	_, _ = rand.Read(h.ID[:]) // never fails
	hello := h.Append(nil)
	challenge, _, err := exchange(ctx, c, hello)
	var rest []byte
	if err == nil {
		proof := &auth.Challenge{Hello: sha256.Sum256(hello), Asked: sha256.Sum256(challenge), Private: true}
		var p []byte
		if p, err = a.token.Prove(proof); err == nil {
			_, rest, err = exchange(ctx, c, wire.Auth{Method: a.token.Method(), Proof: p}.Append(nil))
		}
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &visitor{c, rest}, nil
}

// visitor is a connection that was let in.
type visitor struct {
	carrier.Conn
	behind []byte // frames that came right behind the welcome
}

func (v *visitor) Receive(ctx context.Context, buf []byte) ([]byte, error) {
	if batch := v.behind; len(batch) > 0 {
		v.behind = nil
		return batch, nil
	}
	return v.Conn.Receive(ctx, buf)
}

var errNotLetIn = errors.New("not let in")

// exchange sends a frame and returns the first one that comes, and what comes right
// behind it.
func exchange(ctx context.Context, c carrier.Conn, frame []byte) (first, rest []byte, err error) {
	if err := c.Send(ctx, carrier.AppendFrame(nil, frame)); err != nil {
		return nil, nil, err
	}
	batch, err := c.Receive(ctx, nil)
	if err != nil {
		return nil, nil, err
	}
	first, rest, err = carrier.Next(append([]byte(nil), batch...))
	if t, _ := wire.TypeOf(first); err == nil && t == wire.TypeAbort {
		var e wire.Abort
		_ = e.Decode(first)
		return nil, nil, fmt.Errorf("%w: %s", errNotLetIn, e.Reason)
	}
	return first, rest, err
}

// connects announces a sender with one event.
func connects(c carrier.Conn, name string) error {
	return c.Send(context.Background(), carrier.AppendFrame(nil, wire.Connect{Sender: 1, Epoch: 1, Name: name, Events: []string{"e"}, Fresh: true}.Append(nil)))
}

// swallow reads until the connection ends.
func (a *attacker) swallow(c carrier.Conn) error {
	buf := make([]byte, 256<<10)
	for {
		if _, err := c.Receive(context.Background(), buf); err != nil {
			return err
		}
	}
}

// pour sends a batch again and again.
func (a *attacker) pour(c carrier.Conn, batch []byte, frames int) error {
	for {
		if err := c.Send(context.Background(), batch); err != nil {
			return err
		}
		a.done.Add(int64(frames))
	}
}

func eventFrames(n, size int) (batch []byte) {
	for range n {
		batch = carrier.AppendFrame(batch, wire.AppendEvent(nil, 0, 0, make([]byte, size)))
	}
	return batch
}

func (a *attacker) flood()   { a.emitAndHear(2000, 16) }
func (a *attacker) drizzle() { a.emitAndHear(1, 16) }

func (a *attacker) emitAndHear(frames, size int) {
	a.each(16, func(i int, c carrier.Conn) error {
		if i%2 == 1 {
			return a.hear(c, wire.Subscribe{Sender: "mallory/**", Event: "**"})
		}
		go a.swallow(c) // ends with the connection
		if err := connects(c, fmt.Sprintf("mallory/%d", i)); err != nil {
			return err
		}
		return a.pour(c, eventFrames(frames, size), frames)
	})
}

// hear subscribes and reads.
func (a *attacker) hear(c carrier.Conn, patterns ...wire.Subscribe) error {
	var batch []byte
	for _, p := range patterns {
		batch = carrier.AppendFrame(batch, p.Append(nil))
	}
	if err := c.Send(context.Background(), batch); err != nil {
		return err
	}
	a.done.Add(int64(len(patterns)))
	return a.swallow(c)
}

func (a *attacker) ask() {
	a.each(16, func(_ int, c carrier.Conn) error {
		number := uint32(0)
		for found := false; !found; { // until it has been told of the honest
			batch, err := c.Receive(context.Background(), nil)
			if err != nil {
				return err
			}
			for frame := range carrier.Frames(batch) {
				var e wire.Connect
				if e.Decode(frame) == nil && e.Name == honestName {
					number, found = e.Sender, true
				}
			}
		}
		go a.swallow(c) // ends with the connection
		for id := uint64(1); ; {
			var batch []byte
			for range 100 {
				batch = carrier.AppendFrame(batch, wire.Request{ID: id, Sender: number, Method: honestMethod, Payload: make([]byte, 16)}.Append(nil))
				id++
			}
			if err := c.Send(context.Background(), batch); err != nil {
				return err
			}
			a.done.Add(100)
		}
	})
}

func (a *attacker) wide() {
	a.each(16, func(_ int, c carrier.Conn) error {
		var patterns []wire.Subscribe
		senders := []string{"**", "pair/**", "pair/*", "*/a", "**/a", "*/*", "pair/a", "*/**"}
		events := []string{"**", "n", "*", "**/n"}
		for _, s := range senders {
			for _, e := range events {
				patterns = append(patterns, wire.Subscribe{Sender: s, Event: e})
			}
		}
		for i := len(patterns); i < 1000; i++ {
			patterns = append(patterns, wire.Subscribe{Sender: fmt.Sprintf("**/a%d/**", i), Event: "**"})
		}
		return a.hear(c, patterns...)
	})
}

func (a *attacker) storm() {
	for range 16 {
		a.wg.Go(func() { // to the end of the process
			for {
				switch c, err := a.connect(); {
				case err == nil:
					c.Close()
				case !errors.Is(err, errNotLetIn): // there is no port left for it
					time.Sleep(10 * time.Millisecond)
					continue
				}
				a.done.Add(1) // what was not let in has cost most of it as well
			}
		})
	}
}

func (a *attacker) mute() {
	loud := make(chan struct{})
	in := sync.OnceFunc(func() { close(loud) })
	a.each(1, func(_ int, c carrier.Conn) error {
		go a.swallow(c) // ends with the connection
		if err := connects(c, "mallory/loud"); err != nil {
			return err
		}
		in()
		return a.pour(c, eventFrames(4, 16<<10), 4)
	})
	<-loud // of few connections the mute would have all
	a.each(15, func(_ int, c carrier.Conn) error {
		if err := c.Send(context.Background(), carrier.AppendFrame(nil, wire.Subscribe{Sender: "**", Event: "**"}.Append(nil))); err != nil {
			return err
		}
		time.Sleep(20 * time.Second) // reads nothing
		return nil
	})
}
