package ctest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/linesim"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

var clean = linesim.LineOptions{Baud: 115200}

// online waits for the device to say that all is in force.
const online = "state 3"

func TestEvents(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	everything := h.record("kitchen", sig.Any)
	d := h.device("cbor")
	d.do(0, "connect kitchen temp,door set,later,fail")
	d.do(16, "emit kitchen 0 01") // not yet
	d.do(0, "subscribe hall bell")
	d.do(0, "subscribe hall *")
	d.do(0, "subscribe kitchen door") // its own
	d.expect(online)
	assert.Equal(t, "#connect kitchen [temp door] [fail later set] ", everything.next(t))

	d.do(11, "emit kitchen 2 01")
	for i := range 20 {
		d.do(0, "emit kitchen %d %02x", i%2, i)
		assert.Equal(t, fmt.Sprintf("%s %d", []string{"temp", "door"}[i%2], i), everything.next(t))
	}
	assert.Len(t, d.all("event kitchen door "), 10)
	d.do(21, "emit kitchen 0 %s", strings.Repeat("00", 600))

	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell", "light"}})
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, hall.Emit("bell", i))
	}
	for i := range 20 { // to both subscriptions, in the order of subscribing
		for range 2 {
			assert.Equal(t, fmt.Sprintf("event hall bell %d %02x", i+1, i), d.expect("event hall"))
		}
	}
	d.do(0, "unsubscribe hall *")
	require.NoError(t, hall.Emit("light", 1))
	require.NoError(t, hall.Emit("bell", 21))
	assert.Equal(t, "event hall bell 21 15", d.expect("event hall"))

	d.do(0, "disconnect kitchen")
	assert.Equal(t, "#disconnect kitchen [temp door] [fail later set] told to", everything.next(t))
	d.do(16, "emit kitchen 0 01")
	d.do(0, "connect kitchen") // another life
	assert.Equal(t, "#connect kitchen [temp door] [fail later set] ", everything.next(t))
}

func TestPresence(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	d := h.device("cbor")
	d.do(0, "subscribe ** #connect")
	d.do(0, "subscribe room/* #disconnect")
	d.do(0, "watch desk")
	d.expect(online)
	desk, err := h.reg.Connect("desk", sig.Spec{})
	require.NoError(t, err)
	d.expect("peer desk 1")
	d.expect("connect desk #connect")
	require.NoError(t, desk.Disconnect("lunch"))
	d.expect("peer desk 0")
	room, err := h.reg.Connect("room/1", sig.Spec{Events: []sig.Name{"x"}})
	require.NoError(t, err)
	d.expect("connect room/1 #connect")
	require.NoError(t, room.Disconnect("closed"))
	assert.Equal(t, "disconnect room/1 #disconnect 0 closed", d.expect("disconnect"))

	// More senders than the device has room for: it says so.
	for i := range 8 {
		_, err := h.reg.Connect(sig.Name(fmt.Sprintf("room/%d", i)), sig.Spec{})
		require.NoError(t, err)
		d.expect(fmt.Sprintf("connect room/%d", i))
	}
	d.expect("lost room/7")
	assert.Equal(t, []string{"lost room/6 #disconnect 0 0 3", "lost room/7 #disconnect 0 0 3"}, d.all("lost"))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	d := h.device("cbor")
	d.do(0, "connect oven set,later,fail set,later,fail")
	d.do(0, "connect any - any")
	d.expect(online)
	ctx := patient(t)
	for i := range 5 {
		n, err := sig.Call[int](ctx, h.reg, "oven", "set", i)
		require.NoError(t, err)
		assert.Equal(t, i, n)
	}
	_, err := h.reg.Request(ctx, "oven", "fail", nil)
	var failed *sig.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, sig.CodeHandler, failed.Code)
	assert.Equal(t, "the oven is locked", failed.Text)
	assert.EqualValues(t, -7, failed.App)
	_, err = h.reg.Request(ctx, "oven", "bake", nil)
	require.ErrorIs(t, err, sig.ErrNoMethod)
	s, err := sig.Call[string](ctx, h.reg, "any", "whatever", "x")
	require.NoError(t, err)
	assert.Equal(t, "x", s)
	d.expect("asked whatever")

	answered := make(chan error, 1)
	go func() {
		v, err := sig.Call[int](ctx, h.reg, "oven", "later", nil)
		if err == nil && v != 42 {
			err = fmt.Errorf("answer %d", v)
		}
		answered <- err
	}()
	d.expect("asked later")
	d.do(0, "answer 182a")
	require.NoError(t, <-answered)
	d.do(21, "answer %s", strings.Repeat("00", 700))

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = h.reg.Request(short, "oven", "later", nil)
	require.ErrorIs(t, err, sig.ErrTimeout)
	d.do(0, "answer 01") // to nobody, and no harm
	_, err = sig.Call[int](ctx, h.reg, "oven", "set", 1)
	require.NoError(t, err)
}

func TestAsks(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	var begun, cancelled atomic.Int32
	desk, err := h.reg.Connect("desk", sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		"double": sig.Handle(func(_ context.Context, n int) (int, error) { return 2 * n, nil }),
		"never": sig.Handle(func(ctx context.Context, _ any) (any, error) {
			begun.Add(1)
			<-ctx.Done()
			cancelled.Add(1)
			return nil, ctx.Err()
		}),
		"fail": sig.Handle(func(context.Context, any) (any, error) {
			return nil, &sig.Error{Code: sig.CodeHandler, App: 99, Text: "no ink"}
		}),
	}})
	require.NoError(t, err)
	d := h.device("cbor")
	d.do(0, "watch desk")
	d.do(0, "watch nobody")
	d.do(1, "request desk double 0 01")
	d.expect("peer desk 1")
	d.do(0, "request desk double 0 15")
	assert.Equal(t, "reply 0 0 182a ", d.expect("reply"))
	d.do(0, "request desk fail 0 f6")
	assert.Equal(t, "reply 3 99 - no ink", d.expect("reply"))
	d.do(0, "request desk triple 0 f6")
	assert.True(t, strings.HasPrefix(d.expect("reply"), "reply 2 0 - "))
	d.do(0, "request desk never 50 f6")
	assert.Equal(t, "reply 4 0 - ", d.expect("reply"))
	require.Eventually(t, func() bool { return cancelled.Load() == 1 }, patience, time.Millisecond)
	d.do(0, "request desk never 0 f6")
	require.Eventually(t, func() bool { return begun.Load() == 2 }, patience, time.Millisecond)
	d.do(0, "cancel")
	assert.Len(t, d.all("reply 5 0 - "), 1)
	require.Eventually(t, func() bool { return cancelled.Load() == 2 }, patience, time.Millisecond)
	d.do(1, "request nobody double 0 01")
	d.do(0, "request desk never 0 f6")
	require.NoError(t, desk.Disconnect("gone"))
	assert.Equal(t, "reply 8 0 - ", d.expect("reply"))
}

// TestRaw: payloads as they are.
func TestRaw(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	r := h.record("valve", "state")
	d := h.device("raw")
	d.do(0, "connect valve state -")
	d.do(0, "subscribe desk order")
	d.expect(online)
	d.do(0, "emit valve 0 00ff10")
	assert.Equal(t, "state [0 255 16]", r.next(t))
	desk, err := h.reg.Connect("desk", sig.Spec{Events: []sig.Name{"order"}})
	require.NoError(t, err)
	require.NoError(t, desk.Emit("order", []byte{1, 0, 2}))
	d.expect("event desk order 1 010002")
}

// TestTooLarge: what is larger than the device takes does not reach it; who sent it,
// and the device, are told.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
	require.NoError(t, err)
	d := h.device("cbor")
	d.do(0, "connect kitchen - echo")
	d.do(0, "subscribe hall bell")
	d.expect(online)
	large := strings.Repeat("x", 510)
	require.NoError(t, hall.Emit("bell", 1))
	require.ErrorIs(t, hall.Emit("bell", large), sig.ErrTooLarge)
	require.NoError(t, hall.Emit("bell", large[:500]))
	d.expect("event hall bell 1 01")
	assert.Equal(t, "lost hall bell 2 1 5", d.expect("lost"))
	d.expect("event hall bell 3 7901f478")
	_, err = h.reg.Request(patient(t), "kitchen", "echo", large)
	require.ErrorIs(t, err, sig.ErrTooLarge)
	s, err := sig.Call[string](patient(t), h.reg, "kitchen", "echo", large[:220])
	require.NoError(t, err)
	assert.Equal(t, large[:220], s)
	assert.Len(t, d.all("asked"), 1)
}

// TestNoCodec: a router that has not the device's codec says so, and the device
// waits before it asks again.
func TestNoCodec(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	d := h.device("klingon")
	assert.Contains(t, d.expect("state 5"), "state 5 19 ")
	other := h.device("cbor") // a device that is there instead
	d.kill()
	other.expect(online)
}

// TestNameTaken: a device learns that somebody else has its sender's name.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	owner, err := h.reg.Connect("kitchen", sig.Spec{Events: []sig.Name{"temp"}})
	require.NoError(t, err)
	d := h.device("cbor")
	d.do(0, "connect kitchen temp -")
	d.do(0, "connect cellar temp -")
	assert.True(t, strings.HasPrefix(d.expect("ended"), "ended kitchen 10 "))
	d.expect(online)
	require.NoError(t, owner.Disconnect("done"))
	d.do(0, "connect kitchen")
	r := h.record("kitchen", "temp")
	require.Eventually(t, func() bool {
		d.tell("emit kitchen 0 07") // 16 until the router has answered
		return len(r.ch) > 0
	}, patience, 10*time.Millisecond)
}

// TestReconnect: what is missed on either side while the line is down is announced
// with its number, and nothing comes twice.
func TestReconnect(t *testing.T) {
	t.Parallel()
	for name, breakLine := range map[string]func(h *hub){
		"silence": func(h *hub) { h.line.Cut() },
		"unplug":  func(h *hub) { h.near.Unplug() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHub(t, clean, router.Limits{})
			hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
			require.NoError(t, err)
			everything := h.record("kitchen", sig.Any)
			d := h.device("cbor")
			d.do(0, "connect kitchen temp -")
			d.do(0, "subscribe hall bell")
			d.do(0, "watch hall")
			d.expect(online)
			assert.Contains(t, everything.next(t), "#connect kitchen")
			d.do(0, "emit kitchen 0 01")
			assert.Equal(t, "temp 1", everything.next(t))
			require.NoError(t, hall.Emit("bell", 1))
			d.expect("event hall bell 1 01")

			breakLine(h)
			for i := range 5 {
				require.NoError(t, hall.Emit("bell", i))
			}
			d.tell("emit kitchen 0 02") // the device does not know yet
			assert.Contains(t, everything.next(t), "#disconnect kitchen")
			d.expect("state 0 8")
			d.expect("peer hall 0")
			d.do(16, "emit kitchen 0 03")
			h.line.Mend()
			require.NoError(t, h.near.Plug())
			d.expect(online)
			assert.Contains(t, everything.next(t), "#connect kitchen")
			assert.Equal(t, "#lost temp 1 4", everything.next(t), "what was emitted without anybody hearing it")
			assert.Equal(t, "lost hall bell 2 5 4", d.all("lost")[0])
			require.NoError(t, hall.Emit("bell", 9))
			d.expect("event hall bell 7 09")
			d.do(0, "emit kitchen 0 04")
			assert.Equal(t, "temp 4", everything.next(t))
			assert.Len(t, d.all("event"), 2)
		})
	}
}

// TestRouterRestarts: another router, which knows nothing of the one before.
func TestRouterRestarts(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	d := h.device("cbor")
	d.do(0, "connect kitchen temp echo")
	d.do(0, "subscribe hall bell")
	d.expect(online)
	h.stop()
	d.expect("state 0")
	h.start()
	d.expect(online)
	n, err := sig.Call[int](patient(t), h.reg, "kitchen", "echo", 5)
	require.NoError(t, err)
	assert.Equal(t, 5, n)
	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
	require.NoError(t, err)
	require.NoError(t, hall.Emit("bell", 1))
	d.expect("event hall bell 1 01")
}

// TestDeviceRestarts: its senders leave, and another life of them comes.
func TestDeviceRestarts(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	r := h.record("kitchen", sig.Any)
	for range 3 {
		d := h.device("cbor")
		d.do(0, "connect kitchen temp -")
		d.expect(online)
		assert.Contains(t, r.next(t), "#connect kitchen")
		d.do(0, "emit kitchen 0 01")
		assert.Equal(t, "temp 1", r.next(t))
		d.kill()
		next := h.device("cbor") // the router learns it from this one's first frame
		assert.Contains(t, r.next(t), "#disconnect kitchen")
		next.kill()
	}
}

// TestStop: goodbye, and back after a pause.
func TestStop(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	r := h.record("kitchen", sig.Any)
	d := h.device("cbor")
	d.do(0, "connect kitchen temp -")
	d.expect(online)
	assert.Contains(t, r.next(t), "#connect kitchen")
	d.do(0, "stop 200")
	assert.Contains(t, r.next(t), "#disconnect kitchen")
	d.expect("state 5")
	d.expect(online)
	assert.Contains(t, r.next(t), "#connect kitchen")
}

// TestSubscribeLate: a subscription to a sender that was announced before it.
func TestSubscribeLate(t *testing.T) {
	t.Parallel()
	h := newHub(t, clean, router.Limits{})
	hall, err := h.reg.Connect("hall", sig.Spec{Events: []sig.Name{"bell"}})
	require.NoError(t, err)
	d := h.device("cbor")
	d.expect(online)
	d.do(0, "subscribe ** bell")
	d.expect(online)
	require.NoError(t, hall.Emit("bell", 1))
	d.expect("event hall bell 1 01")
}
