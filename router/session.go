package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gosig/gosig/acl"
	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// session is one open connection: what was negotiated, what waits to be
// written, and what the peer has announced.
type session struct {
	link       *link
	conn       carrier.Conn
	codec      codec.Codec
	codecKey   any  // its ID, boxed once
	verbatim   bool // it sends bytes as they are
	features   wire.Features
	peerLimits wire.Limits // the smaller of both sides'
	maxFrame   int
	peerName   string
	peerID     wire.NodeID
	identity   carrier.Identity // as the carrier has proved it
	principal  acl.Principal    // who the peer is
	address    string           // as dialled, or the peer's
	listener   string           // that it came in by; "" of a client's
	since      time.Time
	told       []wire.Node   // routers that the handshake has named
	offered    wire.Features // by this side's HELLO
	behind     []byte        // frames that came right behind WELCOME; of the reader alone

	ctx     context.Context // ends with the session; the conn is closed then
	cancel  context.CancelCauseFunc
	shut    chan struct{} // closed once the conn is
	closing atomic.Bool   // the conn is being closed, or whoever opened it does so
	writer  sync.WaitGroup
	readers *sync.WaitGroup // of those who read, one at a time
	ended   func()          // called by the last of them

	heard     atomic.Bool  // something arrived since the keepalive last looked
	writeEnds atomic.Int64 // unix nanoseconds by which the write under way must be done; 0: none

	// Guarded by link.mu.
	out      outQueue
	reserved int64         // of what waits, what the router's reserve knows of
	claimed  int           // bytes that have room and are not queued yet, see claimRoom
	writing  bool          // somebody writes, and owns segs and batches
	corked   bool          // whoever holds the lock sees to the writing itself
	chunk    int           // bytes of the next write, about; of the writer alone
	wrote    time.Time     // when somebody wrote last
	idle     chan struct{} // closed when everything is written, see drained
	watch    *keepalive
	left     chan struct{} // closed when a connection that was left is closed; nil: not left
	leftErr  error         // why the peer may not have taken in all that was sent on it

	// Of the reader alone.
	in         *routeTable
	senders    map[uint32]*peerSender
	gathers    map[*link]*gather
	gathered   int    // gathers made so far
	peerSets   uint64 // numbers who the peers of a route are, see passingRun.fits
	touched    []*gather
	retired    uint64     // node.retired when the batch was begun, before any of its events was looked at
	settle     []*inRoute // have had held-back events since the last flush
	latest     time.Time  // when a batch came
	fresh      bool       // it was the first for a while
	lent       bool       // whoever reads has other things to do next: no handler is to run there
	clock      time.Time  // of this batch, see now; zero: nobody has looked yet
	replyTimes *Histogram // of requests passed on that this peer has answered, since the last flush
	timed      bool       // there are some
	arrived    uint64     // events since the last flush
	came       int        // envelopes since the last look at the allowance
	allowance  *bucket    // of the peer's principal; nil: as much as it likes

	names         int     // bytes of the names of the peer's senders; of the reader
	announcing    int     // of those that have come since the last look; of the reader
	announcements *bucket // how many the peer's principal may announce anew; nil: as many as it likes
	readTurn      turn
	noted         []*inRoute // have had events since
	stretch       uint64     // counts the stretches of events for which what is known of a route holds, see survey
	run           passingRun
	relayed       []*requestTable      // answers to others in this batch
	local         *inBatch             // for the handlers here, of this batch
	localEnd      int                  // where its latest events end in the batch
	reading       *buffer              // the batch lies in it
	later         []byte               // behind the batch, read but not taken in yet, see portion
	goesOn        bool                 // the batch was behind another
	room          int                  // what the next read gets
	large         int                  // what large frames that came lately need; 0: there were none
	small         int                  // batches since the last of those
	wants         map[sig.Pattern]bool // what the peer asked for, and whether it accepts loss
	scratch       []byte               // the envelope being relayed
	asks          wire.Request         // the last one taken in
	answers       wire.Reply           // the same
	transcoded    transcoded           // the event being forwarded
	woken         bool                 // this batch has brought something for other goroutines
	partial       *buffer              // an envelope of which pieces have come, with room for its length; nil: none
	filled        int                  // bytes of that
	pieces        int                  // so many

	// Of whoever writes, see writing.
	writeTurn turn
	direct    carrier.TrySender // conn, if it can write without waiting
	segs      []segment         // being written
	batches   [][]byte          // what is left of them
	wroteIn   time.Duration     // how long the latest write took
	wroteCut  int               // bytes of it, if something may have had to be cut
	shallow   bool              // the medium was asked to take little ahead of the line

	// granting makes deciding about a pattern and subscribing to it one step. It
	// guards wants, which is not the reader's alone.
	granting sync.Mutex

	denials denials
	asking  askRights // of the reader alone

	datagrams carrier.Datagrams // of conn; nil: it has none, or the peer does not know of them
	reads     sync.Mutex        // if there are: whoever takes in what has come
	inHand    inHand
	tails     map[*outRoute]tail // of which not all may have arrived; guarded by link.mu
	tailClock *time.Timer        // looks at them; nil: there were none yet
	takes     uint64             // how often something was taken to be written; guarded by link.mu
	said      saidWants          // that wait to be written; guarded by link.mu
	asked     saidAsks           // the same of a client; guarded by link.mu
	lossyNext []uint32           // of the next CONNECT; of the reader alone
	expecting bool               // somebody reads datagrams; of the reader alone

	begins   begins
	bySender map[*sig.Sender]*peerSender // guarded by link.mu

	// peers makes registering and ending the peer's senders one step; held
	// while the registry is called.
	peers    sync.Mutex
	over     bool                     // the session has ended: nothing is registered any more
	revoking sync.WaitGroup           // senders are being ended by a policy; more of them only if not over
	shadows  map[sig.Name]*peerSender // names that a local sender still holds
	denied   map[*peerSender]struct{} // a server's senders that the policy here keeps out

	requests requestTable
	workers  workers
	inline   *inline // nil: nobody has asked yet; of the reader alone
	lead     *lead   // nil: no caller has been alone with an answer yet; changed under requests.mu
	syncs    syncTable
}

// describe names the peer for messages.
func (s *session) describe() string {
	name := describe(s.peerName, s.peerID)
	if !s.principal.Anonymous() {
		name += fmt.Sprintf(" as %.255q", s.principal.ID)
	}
	return name + " at " + s.address
}

// now is the time, looked at once for each batch. Of the reader alone.
func (s *session) now() time.Time {
	if s.clock.IsZero() {
		s.clock = time.Now()
	}
	return s.clock
}

// fail ends the session: the first cause is kept, the reader returns.
func (s *session) fail(err error) {
	s.cancel(err)
	if s.closing.CompareAndSwap(false, true) {
		go func() { // the session's end waits for it
			s.conn.Close()
			close(s.shut)
		}()
	}
}

// cause tells why the session ended.
func (s *session) cause() error {
	err := context.Cause(s.ctx)
	var peer *sig.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &peer):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return sig.NewError(sig.CodeConnectionLost, "the peer closed the connection")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return sig.NewError(sig.CodeConnectionLost, "the peer closed the connection in the middle of a frame")
	}
	return fmt.Errorf("%w: %w", sig.ErrConnectionLost, err)
}

// violation ends the connection because of what the peer sent: it is told the
// code and the reason, which is counted and logged once (P11).
func (s *session) violation(err error) {
	code, text := lastWord(err)
	if errors.Is(err, carrier.ErrFrameTooLarge) {
		s.hit(LimitFrame)
	}
	s.link.stats.violations.Add(1)
	s.link.log.Warn("protocol violation; connection ended", "peer", s.describe(), "error", err)
	s.part(wire.Goodbye{Code: code, Reason: bounded(text)}.Append(nil))
	s.fail(err)
}

// lastWord is the code and the text that tell a peer what was wrong with what it
// has sent.
func lastWord(err error) (code uint16, text string) {
	var we *wire.Error
	var se *sig.Error
	switch {
	case errors.As(err, &we):
		return we.Code, we.Text
	case errors.As(err, &se):
		return uint16(se.Code), se.Text
	case errors.Is(err, carrier.ErrFrameTooLarge):
		return wire.CodeTooLarge, err.Error()
	case errors.Is(err, context.Canceled): // no fault of the peer's
		return uint16(sig.CodeClosed), "the router is closing"
	}
	return wire.CodeProtocol, err.Error()
}

// part sends a last frame and waits a moment for it to be on its way.
func (s *session) part(frame []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	s.link.send(s, frame)
	_ = s.drained(ctx) // the connection ends either way
}

// partingTime is how long a last word may take.
const partingTime = time.Second

// goodbye ends the connection in order: requests under way are answered, what
// is queued is written, and the peer is told. ctx bounds it all.
func (s *session) goodbye(ctx context.Context, reason string) {
	s.requests.quiet(ctx, s.ctx)
	s.sendAllEarly()
	_ = s.drained(ctx) // out of time or connection: so be it
	s.part(wire.Goodbye{Code: wire.CodeOK, Reason: bounded(reason)}.Append(nil))
	wait, cancel := context.WithTimeout(ctx, lingerTime)
	defer cancel()
	select {
	case <-s.ctx.Done(): // the peer has hung up, having read it
	case <-wait.Done():
	}
	s.fail(sig.NewError(sig.CodeClosed, reason))
}
