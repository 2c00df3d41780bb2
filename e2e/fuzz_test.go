package e2e

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/stream"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// target is a live server in this process, with an honest publisher and an
// honest subscriber, and a stranger that connects anew for each input.
type target struct {
	hub    *hub
	dials  chan net.Conn // to be accepted; unbuffered, nobody closes it
	sender *sig.Sender
	heard  chan uint64 // what the honest subscriber got; capacity: it has one under way
	n      uint64
}

// Accept implements net.Listener over pipes.
func (f *target) Accept() (net.Conn, error) {
	conn, ok := <-f.dials
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// Addr implements net.Listener.
func (f *target) Addr() net.Addr { return &net.UnixAddr{Net: "pipe", Name: "pipe"} }

// Close implements net.Listener.
func (f *target) Close() error {
	close(f.dials)
	return nil
}

// watched is a server's end of a pipe that tells when the server closes it.
type watched struct {
	net.Conn
	once   sync.Once
	closed chan struct{} // closed with it
}

func (w *watched) Close() error {
	w.once.Do(func() { close(w.closed) })
	return w.Conn.Close()
}

func newTarget(f *testing.F) *target {
	tg := &target{dials: make(chan net.Conn), heard: make(chan uint64, 1)}
	// Low limits, so that inputs reach them.
	tg.hub = listen(f, router.Limits{Senders: 4, EventsPerSender: 4, Subscriptions: 4, PendingRequests: 4, MaxFrame: 8 << 10, RoutesPerPeer: 300},
		nil, "tcp://127.0.0.1:0")
	serving := make(chan error, 1)
	go func() { serving <- tg.hub.router.Serve(context.Background(), stream.NewListener(tg, nil)) }()
	f.Cleanup(func() {
		_ = tg.hub.router.Close()
		<-serving
	})
	from, to := dial(f, "cbor", tg.hub.addrs), dial(f, "json", tg.hub.addrs)
	sub, err := sig.Subscribe(to.Registry, "kitchen", "temp", func(ev sig.EventOf[uint64]) { tg.heard <- ev.Data }, nil)
	require.NoError(f, err)
	require.NoError(f, sub.InForce(patient(f)))
	tg.sender = from.connect(f, "kitchen", sig.Spec{
		Events:  []sig.Name{"temp", "humidity"},
		Default: func(_ context.Context, r *sig.Request) (any, error) { return sig.Data[any](r.Data) },
	})
	return tg
}

// connect opens a stranger's connection.
func (f *target) connect() (near net.Conn, far *watched) {
	near, end := net.Pipe()
	far = &watched{Conn: end, closed: make(chan struct{})}
	f.dials <- far
	_ = near.SetDeadline(time.Now().Add(patience)) // a pipe has deadlines
	return near, far
}

// survives checks what must hold after any input: the server has let go of the
// stranger, nothing panicked, and honest clients go on.
func (f *target) survives(t *testing.T, near net.Conn, far *watched) {
	t.Helper()
	near.Close()
	select {
	case <-far.closed:
	case <-time.After(patience):
		t.Fatal("the server has not closed the connection")
	}
	if st := f.hub.router.Stats(); st.Panics != 0 {
		t.Fatalf("%d panics in the router", st.Panics)
	}
	f.n++
	require.NoError(t, f.sender.Emit("temp", f.n))
	select {
	case got := <-f.heard:
		require.Equal(t, f.n, got, "an honest subscriber heard something else")
	case <-time.After(patience):
		t.Fatal("an honest subscriber hears nothing any more")
	}
}

// pour writes all of it while what comes back is thrown away.
func pour(t *testing.T, near net.Conn, b []byte) {
	t.Helper()
	var reading sync.WaitGroup
	reading.Go(func() { _, _ = io.Copy(io.Discard, near) }) // ends with the connection
	_, err := near.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server neither reads nor hangs up")
	}
	near.Close()
	reading.Wait()
}

// FuzzServerHandshake sends any bytes to a server, from the first one on.
func FuzzServerHandshake(f *testing.F) {
	for _, frame := range vectors(f) {
		f.Add(carrier.AppendFrame(nil, frame))
	}
	f.Add(framed(hello(), wire.Ping{Nonce: 1}))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0, 0, 16, 1, 1})
	tg := newTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := tg.connect()
		pour(t, near, b)
		tg.survives(t, near, far)
	})
}

// FuzzServerOpen sends any frames to a server after an honest handshake. The
// input is frames of up to 255 bytes, each after a byte with its length.
func FuzzServerOpen(f *testing.F) {
	var all []byte
	for _, frame := range vectors(f) {
		if len(frame) < 256 {
			f.Add(append([]byte{byte(len(frame))}, frame...))
		}
	}
	for _, conversation := range transcript(f) {
		all = all[:0]
		for _, frame := range conversation {
			all = append(append(all, byte(len(frame))), frame...)
		}
		f.Add(all)
	}
	for _, frames := range pieces() {
		f.Add(packed(frames...))
	}
	tg := newTarget(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := tg.connect()
		h := hello()
		h.Features = wire.FeatureHeld | wire.FeatureFragments | wire.FeatureDatagrams | wire.FeatureLossyInterest | wire.FeatureHidden
		_, err := near.Write(framed(h))
		require.NoError(t, err)
		r := bufio.NewReader(near)
		frame, err := (&stranger{t: t, conn: near, r: r}).read()
		require.NoError(t, err)
		require.NoError(t, new(wire.Welcome).Decode(frame))
		pour(t, near, unpack(b))
		tg.survives(t, near, far)
	})
}

// pieces are conversations about FRAGMENT, NUMBERED and LOSSY, right and wrong: out of
// order, of routes that nobody knows, without an end, of more than a frame may have.
func pieces() [][][]byte {
	connect := wire.Connect{Sender: 1, Route: 0, Epoch: 1, Name: "s", Events: []string{"a", "b"}, Fresh: true}.Append(nil)
	piece := func(more bool, data ...byte) []byte { return wire.Fragment{More: more, Data: data}.Append(nil) }
	numbered := func(seq uint64, period uint32) []byte {
		return wire.Numbered{Route: 1, Seq: seq, Period: period, Payload: []byte{1}}.Append(nil)
	}
	period := wire.Route{Route: 1, Seq: 1, Period: 1}.Append(nil)
	lossy := wire.Lossy{Events: []uint32{1}}.Append(nil)
	event, nobody := wire.AppendEvent(nil, 0, 0, []byte{1}), wire.AppendEvent(nil, 0, 99, []byte{1})
	long := [][]byte{connect, piece(true, event...)}
	for range 40 { // the target takes 8 KiB
		long = append(long, piece(true, make([]byte, 250)...))
	}
	return [][][]byte{
		{connect, piece(true, event[:1]...), piece(true, event[1:2]...), piece(false, event[2:]...)},
		{connect, piece(true, event...), wire.AppendEvent(nil, 0, 1, []byte{2}), numbered(1, 1)},
		{connect, piece(false, nobody...)},
		{piece(true, period...)},
		{piece(true, piece(false, 1)...)},
		long,
		{connect, period, numbered(3, 1), numbered(2, 1), numbered(4, 2), wire.Route{Route: 1, Seq: 9}.Append(nil), numbered(5, 1)},
		{lossy, connect, numbered(2, 0), numbered(1, 0), numbered(1<<63, 0), numbered(1<<64-1, 0)},
		{lossy, lossy},
		{wire.Lossy{Events: []uint32{7}}.Append(nil), connect},
		{connect, numbered(1, 0)},
		{lossy, connect, piece(true, numbered(2, 0)[:2]...), numbered(1, 0), piece(false, numbered(2, 0)[2:]...)},
	}
}

// packed is what unpack takes apart.
func packed(frames ...[]byte) (b []byte) {
	for _, frame := range frames {
		b = append(append(b, byte(len(frame))), frame...)
	}
	return b
}

// unpack makes a batch of an input's frames.
func unpack(b []byte) (batch []byte) {
	for len(b) > 0 {
		n := min(int(b[0]), len(b)-1)
		batch = carrier.AppendFrame(batch, b[1:1+n])
		b = b[1+n:]
	}
	return batch
}

// vectors are the frames of the protocol's test vectors, good and bad.
func vectors(f *testing.F) (frames [][]byte) {
	files, err := filepath.Glob("../wire/testdata/vectors/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, path := range files {
		var file struct {
			Valid, Malformed []struct{ Hex string }
		}
		content, err := os.ReadFile(path)
		require.NoError(f, err)
		if json.Unmarshal(content, &file) != nil {
			continue // a file of another kind
		}
		for _, v := range append(file.Valid, file.Malformed...) {
			frame, err := hex.DecodeString(v.Hex)
			require.NoError(f, err)
			frames = append(frames, frame)
		}
	}
	return frames
}

// transcript is what each client of the worked example says after its HELLO.
func transcript(f *testing.F) (conversations [][][]byte) {
	var steps []struct{ Connection, From, Stream string }
	content, err := os.ReadFile("../wire/testdata/vectors/transcript.json")
	require.NoError(f, err)
	require.NoError(f, json.Unmarshal(content, &steps))
	at := make(map[string]int) // by connection
	for _, step := range steps {
		frame, err := hex.DecodeString(step.Stream)
		require.NoError(f, err)
		if step.From != "client" || len(frame) == 0 {
			continue
		}
		i, begun := at[step.Connection]
		if !begun { // its HELLO
			at[step.Connection] = len(conversations)
			conversations = append(conversations, nil)
			continue
		}
		conversations[i] = append(conversations[i], frame[carrier.FrameOverhead:])
	}
	require.NotEmpty(f, conversations)
	return conversations
}
