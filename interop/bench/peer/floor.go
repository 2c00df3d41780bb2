package peer

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// floor is not a competitor but a limit: a relay that parses length-prefixed
// frames and copies them in batches. It knows no names, sessions, limits or
// errors, and its clients have no interface a user could want: the publisher
// writes frames that were built before, the subscriber counts while it parses.
//
//	message  length(4) route(4) payload
//	request  length(4) number(8) payload     and the same back
type floor struct{}

// floorEcho is the floor without a relay: the server itself answers.
type floorEcho struct{ floor }

const (
	lengthSize    = 4
	messageHeader = lengthSize + 4
	requestHeader = lengthSize + 8

	smallRead = 4 << 10   // buffer of a quiet connection
	largeRead = 256 << 10 // of one whose reads fill it
	maxRoutes = 1024
)

// What the first byte of a connection says it will do.
const (
	roleIdle byte = iota
	rolePublish
	roleSubscribe
	roleCall
	roleRespond
)

// relay is the server.
type relay struct {
	echo bool
	// routes says where messages go; here all go to all subscribers.
	routes atomic.Pointer[[maxRoutes]*fanout]

	mu        sync.Mutex
	out       []*outbox
	callers   []net.Conn
	responder net.Conn
}

// fanout is the list of one route's subscribers. It is immutable.
type fanout struct{ to []*outbox }

func (floor) Serve(env Env) (string, io.Closer, error)     { return serveFloor(env, false) }
func (floorEcho) Serve(env Env) (string, io.Closer, error) { return serveFloor(env, true) }

func serveFloor(env Env, echo bool) (string, io.Closer, error) {
	l, err := listen(env)
	if err != nil {
		return "", nil, err
	}
	r := &relay{echo: echo}
	r.setRoutes()
	go func() { // ends when l is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn) // ends with the connection
		}
	}()
	return l.Addr().String(), l, nil
}

func (r *relay) setRoutes() {
	all := &fanout{to: append([]*outbox(nil), r.out...)}
	var routes [maxRoutes]*fanout
	for i := range routes {
		routes[i] = all
	}
	r.routes.Store(&routes)
}

// serve learns what a connection is for, says that it is ready, and does it.
func (r *relay) serve(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, smallRead)
	role := buf[:1]
	if _, err := io.ReadFull(conn, role); err != nil {
		return
	}
	switch role[0] {
	case roleSubscribe:
		defer r.unsubscribe(r.subscribe(conn))
	case roleRespond:
		r.mu.Lock()
		r.responder = conn
		r.mu.Unlock()
	}
	if _, err := conn.Write(role); err != nil {
		return
	}
	switch role[0] {
	case rolePublish:
		readFrames(conn, buf, r.forward)
	case roleCall:
		r.serveCaller(conn, buf)
	case roleRespond:
		readFrames(conn, buf, r.replies)
	default:
		readFrames(conn, buf, func([]byte) error { return nil })
	}
}

// readFrames calls take with what has arrived, cut after the last whole frame,
// until the connection ends. It begins with the small buffer.
func readFrames(conn net.Conn, buf []byte, take func(frames []byte) error) {
	have := 0
	for {
		n, err := conn.Read(buf[have:])
		if err != nil {
			return
		}
		have += n
		end := wholeFrames(buf[:have])
		if end > 0 && take(buf[:end]) != nil {
			return
		}
		rest := buf[end:have]
		if have == len(buf) && len(buf) < largeRead {
			buf = make([]byte, largeRead)
		}
		have = copy(buf, rest)
	}
}

func frameSize(b []byte) int { return lengthSize + int(binary.BigEndian.Uint32(b)) }

func wholeFrames(b []byte) (end int) {
	for len(b)-end >= lengthSize {
		size := frameSize(b[end:])
		if len(b)-end < size {
			break
		}
		end += size
	}
	return end
}

// forward hands on runs of messages that go to the same subscribers.
func (r *relay) forward(frames []byte) error {
	routes := r.routes.Load()
	var to *fanout
	start := 0
	for pos := 0; pos < len(frames); pos += frameSize(frames[pos:]) {
		next := routes[binary.BigEndian.Uint32(frames[pos+lengthSize:])%maxRoutes]
		if next != to {
			to.put(frames[start:pos])
			to, start = next, pos
		}
	}
	to.put(frames[start:])
	return nil
}

func (f *fanout) put(run []byte) {
	if f == nil {
		return
	}
	for _, o := range f.to {
		o.put(run)
	}
}

// outbox gathers what waits for one subscriber, and writes it with one call.
type outbox struct {
	conn net.Conn

	mu      sync.Mutex
	filled  sync.Cond
	waiting []byte
	running bool
	ended   bool
}

func (o *outbox) put(run []byte) {
	o.mu.Lock()
	o.waiting = append(o.waiting, run...)
	if !o.running {
		o.running = true
		go o.write() // ends with the connection
	}
	o.mu.Unlock()
	o.filled.Signal()
}

func (o *outbox) write() {
	var spare []byte
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		for len(o.waiting) == 0 && !o.ended {
			o.filled.Wait()
		}
		if o.ended {
			return
		}
		batch := o.waiting
		o.waiting = spare[:0]
		o.mu.Unlock()
		_, err := o.conn.Write(batch)
		spare = batch
		o.mu.Lock()
		if err != nil {
			return
		}
	}
}

func (r *relay) subscribe(conn net.Conn) *outbox {
	o := &outbox{conn: conn}
	o.filled.L = &o.mu
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out = append(r.out, o)
	r.setRoutes()
	return o
}

func (r *relay) unsubscribe(o *outbox) {
	r.mu.Lock()
	var rest []*outbox
	for _, other := range r.out {
		if other != o {
			rest = append(rest, other)
		}
	}
	r.out = rest
	r.setRoutes()
	r.mu.Unlock()
	o.mu.Lock()
	o.ended = true
	o.mu.Unlock()
	o.filled.Signal()
}

// serveCaller passes requests to the responder, marked with the caller's place,
// or answers them itself.
func (r *relay) serveCaller(conn net.Conn, buf []byte) {
	r.mu.Lock()
	place := uint32(len(r.callers))
	r.callers = append(r.callers, conn)
	to := r.responder
	r.mu.Unlock()
	if r.echo {
		to = conn
	}
	if to == nil {
		return
	}
	readFrames(conn, buf, func(frames []byte) error {
		for pos := 0; pos < len(frames); pos += frameSize(frames[pos:]) {
			binary.BigEndian.PutUint32(frames[pos+lengthSize:], place)
		}
		_, err := to.Write(frames)
		return err
	})
}

// replies passes runs of answers back to their callers.
func (r *relay) replies(frames []byte) error {
	r.mu.Lock()
	callers := r.callers
	r.mu.Unlock()
	caller := func(pos int) uint32 { return binary.BigEndian.Uint32(frames[pos+lengthSize:]) }
	for start := 0; start < len(frames); {
		to, pos := caller(start), start
		for pos < len(frames) && caller(pos) == to {
			pos += frameSize(frames[pos:])
		}
		_, _ = callers[to].Write(frames[start:pos]) // a caller that is gone harms nobody
		start = pos
	}
	return nil
}
