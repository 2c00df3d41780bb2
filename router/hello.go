package router

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// The handshake: HELLO from the client, WELCOME or ABORT from the server, all
// within Limits.Handshake (docs/protocol.md).

// offer is what this side brings to a handshake over a conn.
func (l *link) offer(conn carrier.Conn) wire.Limits {
	return wire.Limits{
		MaxFrame: uint32(min(l.limits.MaxFrame, conn.Traits().MaxFrame)), MaxRequests: uint32(l.limits.PendingRequests),
		KeepaliveMS:  uint32(l.limits.Keepalive.Milliseconds()),
		WindowEvents: uint32(l.limits.WindowEvents), WindowBytes: uint32(l.limits.WindowBytes),
	}
}

func (n *node) features() wire.Features {
	f := wire.FeatureHeld | wire.FeatureHidden | wire.FeatureFragments | wire.FeatureDatagrams | wire.FeatureLossyInterest
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.serves || len(n.links) > 1 {
		f |= wire.FeatureNodes // others may lie behind this node
	}
	return f
}

// hello is what a client begins with.
func (l *link) hello(conn carrier.Conn, token wire.Token) *wire.Hello {
	hello := &wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.Version, Role: wire.RoleClient,
		ID: l.node.id, Name: l.node.nameNow(), Features: l.node.features(), Codecs: codecIDs(l.codecs),
		Limits: l.offer(conn), Token: token,
	}
	if len(l.credentials.list) > 0 {
		hello.Features |= wire.FeatureAuth
	}
	hello.Nodes = fitting(l.node.around(l), len(hello.Append(nil)), helloFrame)
	return hello
}

// shake is the client's half of the handshake, up to what the server has chosen,
// and what it has sent behind that. On an error the conn is closed.
func (l *link) shake(ctx context.Context, conn carrier.Conn, address string, hello *wire.Hello) (w *wire.Welcome, c codec.Codec, behind []byte, err error) {
	defer func() {
		if err != nil {
			conn.Close()
		}
	}()
	if err := carrier.Handshake(ctx, conn); err != nil {
		return nil, nil, nil, err
	}
	carrier.SetMaxFrame(conn, max(l.limits.HelloFrame, welcomeFrame))
	sent := hello.Append(nil)
	if err := conn.Send(ctx, carrier.AppendFrame(nil, sent)); err != nil {
		return nil, nil, nil, err
	}
	mem := newBuffer(smallBuffer)
	defer mem.free()
	if w, behind, err = l.receiveWelcome(ctx, conn, address, sent, mem.bytes); err != nil {
		return nil, nil, nil, err
	}
	behind = bytes.Clone(behind) // mostly nothing
	c = findCodec(l.codecs, w.Codec)
	if c == nil || w.Version < wire.MinVersion || w.Version > wire.Version {
		return nil, nil, nil, refuse(conn, fmt.Errorf("the server chose codec %q and version %d, which were not offered", w.Codec, w.Version))
	}
	return w, c, behind, nil
}

// sendHello is the client's half. It returns an open session that nobody reads
// yet; on an error the conn is closed.
func (l *link) sendHello(ctx context.Context, conn carrier.Conn, address string, token wire.Token) (*session, *wire.Welcome, error) {
	hello := l.hello(conn, token)
	welcome, c, behind, err := l.shake(ctx, conn, address, hello)
	if err != nil {
		return nil, nil, err
	}
	s := l.newSession(conn, c, address)
	s.behind = behind
	s.peerID, s.peerName = welcome.ID, welcome.Name
	s.features, s.offered, s.told = welcome.Features&hello.Features, hello.Features, hello.Nodes
	s.agree(welcome.Limits)
	if err := l.node.admit(l, reachable(welcome.ID, welcome.Name, welcome.Features|wire.FeatureNodes, welcome.Nodes)); err != nil {
		_ = conn.Send(ctx, carrier.AppendFrame(nil, wire.Abort{Code: uint16(sig.CodeOf(err)), Reason: bounded(sig.AsError(err).Text)}.Append(nil)))
		s.fail(err)
		<-s.shut
		return nil, nil, err
	}
	return s, welcome, nil
}

// receiveWelcome reads the server's answer, and proves who this side is if the
// server asks; an ABORT is an error with the server's code and reason. What the
// server has sent right behind WELCOME is for the open connection, and lies in buf.
func (l *link) receiveWelcome(ctx context.Context, conn carrier.Conn, address string, hello, buf []byte) (w *wire.Welcome, behind []byte, err error) {
	frame, behind, err := receiveFirst(ctx, conn, buf)
	if err != nil {
		return nil, nil, notARouter(err)
	}
	t, _ := wire.TypeOf(frame)
	if t != wire.TypeChallenge || len(l.credentials.list) == 0 {
		return welcomed(conn, frame, behind)
	}
	if len(behind) > 0 {
		return nil, nil, refuse(conn, fmt.Errorf("something followed its CHALLENGE"))
	}
	ask, err := l.prove(ctx, conn, address, hello, frame)
	if err != nil {
		return nil, nil, refuse(conn, err)
	}
	if frame, behind, err = receiveFirst(ctx, conn, buf); err != nil {
		return nil, nil, notARouter(err)
	}
	if w, behind, err = welcomed(conn, frame, behind); err == nil && w.ID != ask.ID {
		err = refuse(conn, fmt.Errorf("one router has asked who this is, and another one answered"))
	}
	return w, behind, err
}

// welcomed takes in a WELCOME or an ABORT.
func welcomed(conn carrier.Conn, frame, behind []byte) (*wire.Welcome, []byte, error) {
	switch t, _ := wire.TypeOf(frame); t {
	case wire.TypeWelcome:
		w := new(wire.Welcome)
		if err := w.Decode(frame); err != nil {
			return nil, nil, refuse(conn, err)
		}
		return w, behind, nil
	case wire.TypeAbort:
		var a wire.Abort
		if err := a.Decode(frame); err != nil {
			return nil, nil, refuse(conn, err)
		}
		return nil, nil, sig.NewError(sig.Code(a.Code), a.Reason)
	default:
		return nil, nil, refuse(conn, fmt.Errorf("it answered with %v", t))
	}
}

// refuse tells the server why its answer cannot be accepted, and returns that as
// an error with its code.
func refuse(conn carrier.Conn, err error) error {
	abort(conn, err)
	code, text := lastWord(err)
	return sig.NewError(sig.Code(code), text)
}

// notARouter says what a failed handshake usually means.
func notARouter(err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer to the handshake; is it a gosig router, and is TLS used at both ends or at neither? %w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, carrier.ErrProtocol), errors.Is(err, carrier.ErrFrameTooLarge):
		return fmt.Errorf("the peer ended the handshake; is it a gosig router, and is TLS used at both ends or at neither? %w", err)
	}
	return err
}

// receiveFirst reads the first frame, and what came with it, into buf.
func receiveFirst(ctx context.Context, conn carrier.Conn, buf []byte) (frame, rest []byte, err error) {
	batch, err := conn.Receive(ctx, buf)
	if err != nil {
		return nil, nil, err
	}
	return carrier.Next(batch)
}

// greeting is a HELLO, and the frame that it came in.
type greeting struct {
	wire.Hello
	frame []byte
}

// receiveHello is the first half of the server's part. The frame lies in buf.
func (l *link) receiveHello(ctx context.Context, conn carrier.Conn, buf []byte) (*greeting, error) {
	if err := carrier.Handshake(ctx, conn); err != nil {
		return nil, err
	}
	if enforced("hello frame") {
		carrier.SetMaxFrame(conn, l.limits.HelloFrame)
	}
	frame, rest, err := receiveFirst(ctx, conn, buf)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 && enforced("one envelope first") {
		return nil, sig.NewError(sig.CodeProtocol, "more than one envelope before the handshake was over")
	}
	if t, _ := wire.TypeOf(frame); !wire.Legal(wire.Start, wire.RoleClient, t) {
		return nil, sig.NewError(sig.CodeProtocol, fmt.Sprintf("the first envelope must be a HELLO, this is %v", t))
	}
	h := greeting{frame: frame}
	if err := h.Decode(frame); err != nil {
		return nil, err
	}
	if h.MaxVersion < wire.MinVersion || h.MinVersion > wire.Version {
		return nil, sig.NewError(sig.CodeVersion, fmt.Sprintf("the client speaks versions %d to %d, the server %d to %d", h.MinVersion, h.MaxVersion, wire.MinVersion, wire.Version))
	}
	return &h, nil
}

// chooseCodec picks the first of the client's codecs that the server has.
func (l *link) chooseCodec(offered []string) (codec.Codec, error) {
	prefer := make([]codec.ID, len(offered))
	for i, id := range offered {
		prefer[i] = codec.ID(id)
	}
	c, err := codec.Negotiate(prefer, l.codecs)
	if err != nil {
		return nil, sig.NewError(sig.CodeNoCodec, fmt.Sprintf("the client has %s, the server %s", strings.Join(offered, ", "), strings.Join(codecIDs(l.codecs), ", ")))
	}
	return c, nil
}

// agree settles the limits of a session: the smaller of both sides'.
func (s *session) agree(theirs wire.Limits) {
	s.peerLimits = s.link.offer(s.conn).Min(theirs)
	s.maxFrame = int(s.peerLimits.MaxFrame)
	s.out.pieces = s.features&wire.FeatureFragments != 0
	if s.features&wire.FeatureDatagrams != 0 {
		s.datagrams, _ = carrier.DatagramsOf(s.conn)
	}
	s.requests.slots = make(chan struct{}, s.peerLimits.MaxRequests)
	if enforced("frame") {
		carrier.SetMaxFrame(s.conn, s.maxFrame)
	} else {
		carrier.SetMaxFrame(s.conn, math.MaxInt32)
	}
}

// abort tells a peer why there will be no connection, and hangs up.
func abort(conn carrier.Conn, err error) {
	code, text := lastWord(err)
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	frame := wire.Abort{Code: code, Reason: bounded(text)}.Append(nil)
	if conn.Send(ctx, carrier.AppendFrame(nil, frame)) == nil {
		linger(ctx, conn)
	}
	conn.Close()
}

// linger reads what the peer still sends, for at most a moment: closing with
// unread data would make some media throw away our last word.
func linger(ctx context.Context, conn carrier.Conn) {
	ctx, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	buf := make([]byte, smallBuffer)
	for {
		if _, err := conn.Receive(ctx, buf); err != nil {
			return
		}
	}
}

const lingerTime = 200 * time.Millisecond

func codecIDs(codecs []codec.Codec) []string {
	ids := make([]string, len(codecs))
	for i, c := range codecs {
		ids[i] = string(c.ID())
	}
	return ids
}

func findCodec(codecs []codec.Codec, id string) codec.Codec {
	for _, c := range codecs {
		if string(c.ID()) == id {
			return c
		}
	}
	return nil
}
