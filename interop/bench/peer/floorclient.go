package peer

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"unsafe"
)

// dialFloor opens a connection for a role and waits until the relay is ready.
func dialFloor(env Env, role byte) (net.Conn, error) {
	conn, err := dial(env)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{role}); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return conn, err
}

func (floor) Connect(env Env) (io.Closer, error) { return dialFloor(env, roleIdle) }

// floorPublisher writes frames that it has built once.
type floorPublisher struct {
	net.Conn
	topics []Topic
	next   int

	frames  []byte // enough for n messages from any topic on
	size    int    // of one frame
	payload *byte  // what they were built from
	n       int
	alone   []byte // one message
}

func (floor) Publish(env Env, topics []Topic) (Publisher, error) {
	conn, err := dialFloor(env, rolePublish)
	if err != nil {
		return nil, err
	}
	return &floorPublisher{Conn: conn, topics: topics}, nil
}

func (p *floorPublisher) Publish(payload []byte, n int) error {
	same := unsafe.SliceData(payload) == p.payload
	if n == 1 && !same && p.payload != nil { // one among many others
		p.alone = p.appendMessage(p.alone[:0], p.next, payload)
		p.next = (p.next + 1) % len(p.topics)
		_, err := p.Write(p.alone)
		return err
	}
	if !same || n > p.n {
		p.build(payload, n)
	}
	from := p.next * p.size
	p.next = (p.next + n) % len(p.topics)
	_, err := p.Write(p.frames[from : from+n*p.size])
	return err
}

func (p *floorPublisher) build(payload []byte, n int) {
	p.payload, p.n = unsafe.SliceData(payload), n
	p.size = messageHeader + len(payload)
	p.frames = make([]byte, 0, (len(p.topics)+n)*p.size)
	for i := range len(p.topics) + n {
		p.frames = p.appendMessage(p.frames, i%len(p.topics), payload)
	}
}

func (p *floorPublisher) appendMessage(dst []byte, topic int, payload []byte) []byte {
	t := p.topics[topic]
	dst = binary.BigEndian.AppendUint32(dst, uint32(messageHeader-lengthSize+len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(t.Sender*8+t.Event))
	return append(dst, payload...)
}

func (floor) Subscribe(env Env, _ *Topic, take func([]byte)) (io.Closer, error) {
	conn, err := dialFloor(env, roleSubscribe)
	if err != nil {
		return nil, err
	}
	go readFrames(conn, make([]byte, smallRead), func(frames []byte) error { // ends with the connection
		for pos := 0; pos < len(frames); {
			end := pos + frameSize(frames[pos:])
			take(frames[pos+messageHeader : end])
			pos = end
		}
		return nil
	})
	return conn, nil
}

// Respond sends every request back as it came.
func (floor) Respond(env Env) (io.Closer, error) {
	conn, err := dialFloor(env, roleRespond)
	if err != nil {
		return nil, err
	}
	go readFrames(conn, make([]byte, smallRead), func(frames []byte) error { // ends with the connection
		_, err := conn.Write(frames)
		return err
	})
	return conn, nil
}

func (floorEcho) Respond(Env) (io.Closer, error) { return nothing, nil }

// Request gives a single caller the connection to write and read for itself;
// several share a writer and a reader.
func (floor) Request(env Env, callers int) ([]Call, io.Closer, error) {
	conn, err := dialFloor(env, roleCall)
	if err != nil {
		return nil, nil, err
	}
	if callers == 1 {
		return []Call{aloneOn(conn)}, conn, nil
	}
	return shareCalls(conn, callers), conn, nil
}

func aloneOn(conn net.Conn) Call {
	buf := make([]byte, smallRead)
	return func(_ context.Context, payload []byte) ([]byte, error) {
		buf = appendRequest(buf[:0], 0, payload)
		size := len(buf)
		if _, err := conn.Write(buf); err != nil {
			return nil, err
		}
		_, err := io.ReadFull(conn, buf[:size])
		return buf[requestHeader:size], err
	}
}

// appendRequest appends a request; the relay fills in the first half of its
// number.
func appendRequest(dst []byte, number int, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(number))
	return append(dst, payload...)
}

// sharedConn is a connection with many callers. Whoever finds nobody writing
// writes for all.
type sharedConn struct {
	conn    net.Conn
	answers []chan []byte // one for each caller, with room for its one answer

	mu      sync.Mutex
	waiting []byte
	spare   []byte
	writing bool
}

func shareCalls(conn net.Conn, callers int) []Call {
	s := &sharedConn{conn: conn}
	calls := make([]Call, callers)
	for i := range calls {
		s.answers = append(s.answers, make(chan []byte, 1))
		calls[i] = func(ctx context.Context, payload []byte) ([]byte, error) {
			if err := s.send(i, payload); err != nil {
				return nil, err
			}
			select {
			case answer := <-s.answers[i]:
				return answer, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	go readFrames(conn, make([]byte, smallRead), s.take) // ends with the connection
	return calls
}

func (s *sharedConn) send(number int, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = appendRequest(s.waiting, number, payload)
	if s.writing {
		return nil
	}
	s.writing = true
	defer func() { s.writing = false }()
	for len(s.waiting) > 0 {
		batch := s.waiting
		s.waiting = s.spare[:0]
		s.mu.Unlock()
		_, err := s.conn.Write(batch)
		s.mu.Lock()
		s.spare = batch
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sharedConn) take(frames []byte) error {
	for pos := 0; pos < len(frames); {
		end := pos + frameSize(frames[pos:])
		number := binary.BigEndian.Uint32(frames[pos+lengthSize+4:])
		if int(number) >= len(s.answers) {
			return fmt.Errorf("an answer to request %d", number)
		}
		s.answers[number] <- append([]byte(nil), frames[pos+requestHeader:end]...)
		pos = end
	}
	return nil
}
