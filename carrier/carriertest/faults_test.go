package carriertest_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asFault) != "" { // a defect may leave goroutines: that is for the suite to see
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

// defect is what can be wrong with the simple carrier.
type defect string

const (
	losesFrame            defect = "loses a frame"
	losesTail             defect = "loses on Close what was sent last"
	doublesFrame          defect = "doubles a frame"
	swapsFrames           defect = "swaps two frames"
	truncatesFrame        defect = "shortens a frame"
	damagesFrame          defect = "changes a byte"
	turnsBatchesRound     defect = "turns batches round"
	tearsFrames           defect = "returns a part of a frame"
	handsOutCutFrame      defect = "hands out a frame that was cut"
	cutIsEOF              defect = "takes a cut for a clean end"
	vanishIsEOF           defect = "takes a peer that vanished for one that closed"
	noLimit               defect = "has no limit"
	fixesLimit            defect = "looks at the limit too early"
	believesLength        defect = "believes a declared length"
	reusesBuffer          defect = "uses its buffer again"
	bringsBuffer          defect = "brings its own buffer"
	cancelKeepsBuf        defect = "keeps the buffer of a cancelled Receive"
	sendsLater            defect = "sends later"
	changesBatch          defect = "changes the caller's batch"
	neverBlocks           defect = "takes everything"
	forgetsRest           defect = "forgets what TrySend had no room for"
	sendsToNobody         defect = "sends to a peer that is gone"
	ignoresReceiveContext defect = "Receive ignores its context"
	ignoresSendContext    defect = "Send ignores its context"
	cancelLoses           defect = "a cancelled Receive loses a frame"
	goesOnAfterCancel     defect = "goes on after a part of a frame"
	readerStaysBlocked    defect = "Close leaves Receive blocked"
	writerStaysBlocked    defect = "Close leaves Send blocked"
	closesOnce            defect = "Close cannot be called again"
	swallowsError         defect = "hides why it failed"
	leaksGoroutine        defect = "leaves a goroutine"
	leaksDescriptor       defect = "leaves a descriptor"
	changesTraits         defect = "changes its traits"
	forgetsAddress        defect = "forgets its address"
	identityTooEarly      defect = "believes who has not said hello"
	ignoresParameters     defect = "ignores unknown parameters"
	dialsInVain           defect = "Dial ignores a context that has ended"
	conntiedToDial        defect = "ends a conn with Dial's context"
	listenerTiedToContext defect = "ends a listener with Listen's context"
	acceptIgnoresContext  defect = "Accept ignores its context"
	cancelledAcceptCloses defect = "a cancelled Accept closes the listener"
	acceptsNothing        defect = "Accept returns nothing after Close"
	acceptStaysBlocked    defect = "Close leaves Accept blocked"
	handshakeInAccept     defect = "Accept waits for the peer"
	hidesPort             defect = "does not say its port"
	staysDialable         defect = "can be dialled after Close"
	forgetsUnaccepted     defect = "forgets who was not accepted"
)

// lossy, unordered are the traits of media that promise less.
var (
	whole     = carrier.Traits{Reliable: true, Ordered: true, MaxFrame: 1 << 30}
	lossy     = carrier.Traits{Ordered: true, MaxFrame: 1 << 20}
	unordered = carrier.Traits{Reliable: true, MaxFrame: 1 << 20}
	neither   = carrier.Traits{MaxFrame: 1 << 20}
)

// planted says which case must notice a defect, and words of the rule that it
// must name.
var planted = []struct {
	defect        defect
	traits        carrier.Traits
	noticed, rule string
}{
	{losesFrame, whole, "framing", "arrives whole"},
	{losesTail, whole, "end_between_frames", "what was sent before Close arrives"},
	{doublesFrame, whole, "order", "frames arrive once, in the order of sending"},
	{swapsFrames, whole, "order", "frames arrive once, in the order of sending"},
	{truncatesFrame, whole, "framing", "with its length and its bytes"},
	{damagesFrame, whole, "framing", "with its length and its bytes"},
	{turnsBatchesRound, whole, "several_batches", "in order"},
	{tearsFrames, whole, "framing", "a frame arrives whole"},
	{handsOutCutFrame, whole, "cut_inside_a_frame", "returns no part of the frame"},
	{cutIsEOF, whole, "cut_inside_a_frame", "ends with io.ErrUnexpectedEOF"},
	{cutIsEOF, whole, "cut_inside_a_length", "ends with io.ErrUnexpectedEOF"},
	{vanishIsEOF, whole, "peer_vanishes", "io.EOF is for a peer that closed"},
	{noLimit, whole, "frame_over_the_limit", "ErrFrameTooLarge"},
	{fixesLimit, whole, "limit_set_beside_receive", "holds for frames not yet returned"},
	{believesLength, whole, "declared_length", "never by a length that was only declared"},
	{reusesBuffer, whole, "received_batch_is_the_callers", "not touched by the next Receive"},
	{bringsBuffer, whole, "reads_into_buf", "into the caller's buffer"},
	{cancelKeepsBuf, whole, "cancelled_receive_returns_buf", "does not write to it later"},
	{sendsLater, whole, "send_leaves_batches", "nor reads it later"},
	{changesBatch, whole, "send_leaves_batches", "neither changes it"},
	{neverBlocks, whole, "back_pressure", "Send blocks while the medium takes no more"},
	{forgetsRest, whole, "try_send", "the rest comes first in the next Send"},
	{sendsToNobody, whole, "peer_closes", "and Send with an error"},
	{ignoresReceiveContext, whole, "receive_cancelled", "the end of ctx ends Receive"},
	{ignoresSendContext, whole, "send_cancelled", "the end of ctx ends Send"},
	{cancelLoses, whole, "receive_again", "a cancelled Receive has lost nothing"},
	{goesOnAfterCancel, whole, "send_cancelled", "the Conn takes nothing more"},
	{readerStaysBlocked, whole, "close_unblocks_receive", "Close unblocks Receive"},
	{writerStaysBlocked, whole, "close_unblocks_send", "Close unblocks Send"},
	{closesOnce, whole, "close_twice", "Close is safe to call again"},
	{closesOnce, whole, "order", "Close is safe to call again"}, // each case closes at its end
	{swallowsError, whole, "use_after_close", "an error that matches net.ErrClosed"},
	{swallowsError, whole, "receive_deadline", "with context.DeadlineExceeded"},
	{leaksGoroutine, whole, "close_twice", "whoever starts a goroutine ends it"},
	{leaksDescriptor, whole, "descriptors", "descriptors do not grow in number"},
	{changesTraits, whole, "traits_and_identity", "Traits never change"},
	{forgetsAddress, whole, "use_after_close", "after Close every operation"},
	{identityTooEarly, whole, "no_identity_before_the_handshake", "a claim is no proof"},
	{ignoresParameters, whole, "unknown_parameter", "an unknown query parameter is an error that names it"},
	{dialsInVain, whole, "dial_cancelled", "Dial with a context that has ended"},
	{conntiedToDial, whole, "contexts_end_the_set_up_only", "bound the set-up"},
	{listenerTiedToContext, whole, "contexts_end_the_set_up_only", "bound the set-up"},
	{acceptIgnoresContext, whole, "accept_cancelled", "the end of ctx ends Accept"},
	{cancelledAcceptCloses, whole, "accept_cancelled", "the next one works"},
	{acceptsNothing, whole, "close_unblocks_accept", "with an error that matches net.ErrClosed"},
	{acceptStaysBlocked, whole, "close_unblocks_accept", "Close unblocks Accept"},
	{handshakeInAccept, whole, "stalled_peer", "Accept does not wait for a handshake"},
	{hidesPort, whole, "addr_can_be_dialled", "with the port that was given for port 0"},
	{staysDialable, whole, "dial_after_close", "nobody can be dialled where nobody listens"},
	{forgetsUnaccepted, whole, "unaccepted_are_closed", "closed with the listener"},

	{damagesFrame, lossy, "lost_but_never_damaged", "what arrives is whole and was sent"},
	{truncatesFrame, neither, "lost_but_never_damaged", "what arrives is whole and was sent"},
	{doublesFrame, lossy, "lost_but_never_doubled", "a frame arrives once at most"},
	{swapsFrames, lossy, "lost_but_in_order", "a medium that is Ordered may not swap frames"},
	{losesFrame, unordered, "swapped_but_all_there", "a medium that is Reliable may not lose a frame"},
}

const (
	asFault  = "GOSIG_CARRIERTEST_FAULT"
	asTraits = "GOSIG_CARRIERTEST_TRAITS"
)

// TestSuiteNoticesFaults runs the suite on the simple carrier with one defect
// each, in a process of its own, since that run must fail.
func TestSuiteNoticesFaults(t *testing.T) {
	if os.Getenv(asFault) != "" {
		return
	}
	for _, p := range planted {
		t.Run(fmt.Sprintf("%s/%s", p.defect, p.noticed), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestFault$/^"+p.noticed+"$")
			cmd.Env = append(os.Environ(), asFault+"="+string(p.defect), asTraits+"="+nameOf(p.traits))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			assert.True(t, errors.As(err, &exit), "the suite noticed nothing: %v\n%s", err, out)
			assert.Contains(t, string(out), "--- FAIL: TestFault/"+p.noticed)
			_, rule, found := strings.Cut(string(out), "broken rule: ")
			rule, _, _ = strings.Cut(rule, "\n")
			assert.True(t, found, "no rule is named:\n%s", out)
			assert.Contains(t, rule, p.rule)
		})
	}
}

func nameOf(tr carrier.Traits) string { return fmt.Sprint(tr.Reliable, tr.Ordered) }

// TestFault is the process with a defect; without one there is nothing to run.
func TestFault(t *testing.T) {
	d := defect(os.Getenv(asFault))
	if d == "" {
		return
	}
	for _, tr := range []carrier.Traits{whole, lossy, unordered, neither} {
		if nameOf(tr) == os.Getenv(asTraits) {
			s := newSimple(d)
			s.traits = tr
			testSimple(t, s, time.Second)
		}
	}
}

// TestSuitePassesWithoutFaults: the carrier in which the defects are planted
// passes without them, whatever its traits.
func TestSuitePassesWithoutFaults(t *testing.T) {
	for _, tr := range []carrier.Traits{whole, lossy, unordered, neither} {
		t.Run(nameOf(tr), func(t *testing.T) {
			s := newSimple("")
			s.traits = tr
			testSimple(t, s, 0)
		})
	}
}

func testSimple(t *testing.T, s *simple, patience time.Duration) {
	t.Helper()
	carriertest.Test(t, carriertest.Subject{
		Carrier: s,
		Listen:  func(testing.TB) string { return "simple://hub:0" },
		DialURL: func(addr string) string { return addr + "?as=kitchen" },
		Stall: func(t testing.TB, addr string) {
			u, err := carrier.Parse(addr + "?as=kitchen")
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.Dial(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
		},
		Options: carriertest.Options{
			Patience: patience,
			Vanish:   func(_ testing.TB, c carrier.Conn) { c.(*simpleConn).out.vanish() },
		},
	})
}
