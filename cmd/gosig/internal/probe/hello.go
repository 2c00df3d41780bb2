package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// Greeted is what the router answered to HELLO.
type Greeted struct {
	Version  uint8    `json:"version"` // of the protocol
	Codec    string   `json:"codec"`
	Router   string   `json:"router"` // its name
	ID       string   `json:"id"`
	Identity string   `json:"identity"`        // who the router takes us for
	Proof    string   `json:"proof,omitempty"` // the kind that the router asked for and got
	Features []string `json:"features"`
	Nodes    int      `json:"nodes"` // routers behind it, as far as it tells
	Limits   Limits   `json:"limits"`
}

// Limits are those in force for the connection.
type Limits struct {
	Frame        uint32 `json:"frame_bytes"`
	Requests     uint32 `json:"requests"`
	KeepaliveMS  uint32 `json:"keepalive_ms"`
	WindowEvents uint32 `json:"window_events"`
	WindowBytes  uint32 `json:"window_bytes"`
}

// welcomeFrame bounds the answer (protocol.md §4.2).
const welcomeFrame = 64 << 10

func (r *run) hello(ctx context.Context, s *Step) error {
	carrier.SetMaxFrame(r.conn, welcomeFrame)
	r.line = &line{conn: r.conn}
	hello := wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.Version, Role: wire.RoleClient,
		ID: newID(), Name: r.Name, Features: offered, Codecs: r.Codecs,
	}
	if len(r.Credentials) > 0 {
		hello.Features |= wire.FeatureAuth
	}
	frame := hello.Append(nil)
	if err := r.line.send(ctx, frame); err != nil {
		return err
	}
	proof, err := r.prove(ctx, frame)
	if err != nil {
		return err
	}
	w, err := r.line.welcome(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(r.Codecs, w.Codec) {
		return sig.NewError(sig.CodeProtocol, fmt.Sprintf("the router chose codec %q, which was not offered", clean(w.Codec)))
	}
	limits := wire.DefaultLimits.Min(w.Limits)
	carrier.SetMaxFrame(r.conn, int(limits.MaxFrame))
	s.Hello = &Greeted{
		Version: w.Version, Codec: w.Codec, Router: w.Name, ID: w.ID.String(), Identity: w.Identity, Proof: proof,
		Features: featureNames(w.Features), Nodes: len(w.Nodes),
		Limits: Limits{limits.MaxFrame, limits.MaxRequests, limits.KeepaliveMS, limits.WindowEvents, limits.WindowBytes},
	}
	return nil
}

// newID is random but for its last byte, which ends a line: a server that reads
// lines answers at once instead of waiting for more.
func newID() (id wire.NodeID) {
	_, _ = rand.Read(id[:]) // never fails
	id[len(id)-1] = '\n'
	return id
}

// features are the names of protocol.md §4.4.
var features = map[wire.Features]string{
	wire.FeatureHeld: "held", wire.FeatureNodes: "nodes", wire.FeatureFragments: "fragments", wire.FeatureDatagrams: "datagrams",
	wire.FeatureAuth: "auth", wire.FeatureHidden: "hidden", wire.FeatureLossyInterest: "lossy interest",
}

func featureNames(f wire.Features) []string {
	names := []string{}
	for bit := wire.Features(1); bit != 0; bit <<= 1 {
		if f&bit != 0 {
			names = append(names, cmp.Or(features[bit], fmt.Sprintf("%#x", uint64(bit)))) // of a newer version
		}
	}
	slices.Sort(names)
	return names
}

// line exchanges envelopes.
type line struct {
	conn carrier.Conn
	rest []byte // of the batch that came last
}

func (l *line) send(ctx context.Context, envelope []byte) error {
	return l.conn.Send(ctx, carrier.AppendFrame(nil, envelope))
}

// next returns the next envelope, valid until the next call.
func (l *line) next(ctx context.Context) ([]byte, error) {
	if len(l.rest) == 0 {
		batch, err := l.conn.Receive(ctx, make([]byte, 4<<10))
		if err != nil {
			return nil, err
		}
		l.rest = batch
	}
	frame, rest, err := carrier.Next(l.rest)
	l.rest = rest
	return frame, err
}

// peek returns the next envelope and leaves it to be the next.
func (l *line) peek(ctx context.Context) ([]byte, error) {
	frame, err := l.next(ctx)
	if err == nil {
		l.rest = append(carrier.AppendFrame(nil, frame), l.rest...)
	}
	return frame, err
}

func (l *line) welcome(ctx context.Context) (*wire.Welcome, error) {
	frame, err := l.next(ctx)
	if err != nil {
		return nil, err
	}
	switch t, _ := wire.TypeOf(frame); t {
	case wire.TypeWelcome:
		w := new(wire.Welcome)
		return w, protocolError(w.Decode(frame))
	case wire.TypeAbort:
		return nil, ended(frame)
	default:
		return nil, sig.NewError(sig.CodeProtocol, fmt.Sprintf("the answer to HELLO is %v", t))
	}
}

// ended is the error of an ABORT or GOODBYE: the router's own code and words.
func ended(frame []byte) error {
	var code uint16
	var reason string
	var err error
	if t, _ := wire.TypeOf(frame); t == wire.TypeAbort {
		var e wire.Abort
		err = e.Decode(frame)
		code, reason = e.Code, e.Reason
	} else {
		var e wire.Goodbye
		err = e.Decode(frame)
		code, reason = e.Code, e.Reason
	}
	if err != nil {
		return protocolError(err)
	}
	return fmt.Errorf("the router refused: %w", sig.NewError(sig.Code(code), clean(reason)))
}

// protocolError gives an error of package wire its code.
func protocolError(err error) error {
	var e *wire.Error
	if errors.As(err, &e) {
		return sig.NewError(sig.Code(e.Code), "its answer: "+e.Error())
	}
	return err
}

// RoundTrip is how long a PING takes to be answered.
type RoundTrip struct {
	Count    int     `json:"count"`
	MinUS    float64 `json:"min_us"`
	MedianUS float64 `json:"median_us"`
	MaxUS    float64 `json:"max_us"`
}

func (r *run) ping(ctx context.Context, s *Step) error {
	took := make([]time.Duration, 0, r.Pings)
	for nonce := range uint64(r.Pings) {
		begin := time.Now()
		if err := r.line.send(ctx, wire.Ping{Nonce: nonce}.Append(nil)); err != nil {
			return err
		}
		if err := r.line.pong(ctx, nonce); err != nil {
			return err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	s.Ping = &RoundTrip{len(took), micros(took[0]), micros(took[len(took)/2]), micros(took[len(took)-1])}
	return nil
}

// pong waits for the answer; the router announces its senders in between.
func (l *line) pong(ctx context.Context, nonce uint64) error {
	for {
		frame, err := l.next(ctx)
		if err != nil {
			return err
		}
		switch t, _ := wire.TypeOf(frame); t {
		case wire.TypePong:
			var e wire.Pong
			if err := e.Decode(frame); err != nil || e.Nonce == nonce {
				return protocolError(err)
			}
		case wire.TypePing:
			var e wire.Ping
			if err := e.Decode(frame); err != nil {
				return protocolError(err)
			}
			if err := l.send(ctx, wire.Pong(e).Append(nil)); err != nil {
				return err
			}
		case wire.TypeGoodbye, wire.TypeAbort:
			return ended(frame)
		}
	}
}

// goodbye ends the connection in order: the router answers with its own GOODBYE,
// or with the end of the stream. A noisy line may lose the frame that says so, and
// then it shows only in the next session that the router begins.
func (r *run) goodbye(ctx context.Context, _ *Step) error {
	if err := r.line.send(ctx, wire.Goodbye{}.Append(nil)); err != nil {
		return err
	}
	for {
		frame, err := r.line.next(ctx)
		if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, serial.ErrRestarted) {
			return nil
		}
		if err != nil {
			return err
		}
		if t, _ := wire.TypeOf(frame); t == wire.TypeGoodbye {
			return nil
		}
	}
}
