package serial_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/serial/linesim"
)

// TestGoalReboot: an end that is gone in the middle of everything and comes back,
// without having said a word, is noticed when it speaks again, and what is said
// then is understood. Here it is the port that is taken away from under one end
// or the other; both send all they can.
func TestGoalReboot(t *testing.T) {
	b := newBench(t, serial.Options{}, linesim.LineOptions{Baud: baud})
	b.overSockets()
	rounds := 6
	if *goals {
		rounds = 200
	}
	b.listen()
	var noticed []time.Duration
	client := b.dial()
	for i := range rounds {
		server, err := b.ln.Accept(t.Context())
		require.NoError(t, err)
		load := newLoad(t, server, client)
		if i%2 == 0 { // the device
			b.clientPort.kill()
			require.Error(t, <-load.clientEnded)
			require.NoError(t, client.Close())
			client = b.dial()
			require.ErrorContains(t, <-load.serverEnded, "restarted")
			noticed = append(noticed, b.clientPort.since())
			require.NoError(t, server.Close())
		} else { // the router
			b.serverPort.kill()
			require.Error(t, <-load.serverEnded)
			require.NoError(t, server.Close())
			// The listener opens the port again by itself.
			require.ErrorContains(t, <-load.clientEnded, "restarted")
			noticed = append(noticed, b.serverPort.since())
			require.NoError(t, client.Close())
			client = b.dial()
		}
		load.wait()
	}
	require.NoError(t, client.Close())
	require.NoError(t, b.ln.Close())
	slices.Sort(noticed)
	report(t, "rebooted under load, %d times | < 50 ms | %.1f ms at the latest, half within %.1f ms",
		rounds, millis(noticed[rounds-1]), millis(noticed[rounds/2]))
	if *goals {
		assert.Less(t, noticed[rounds-1], 50*time.Millisecond)
	}
}

// awaitSent waits until the line has carried what an end had sent.
func (b *bench) awaitSent(toward linesim.End) {
	for !b.line.Quiet(toward) {
		time.Sleep(time.Millisecond)
	}
}

// load is traffic both ways on a session, until it ends.
type load struct {
	clientEnded, serverEnded chan error // capacity 1: why receiving has ended
	cancel                   context.CancelFunc
	senders, receivers       sync.WaitGroup
}

// newLoad returns when ten messages have come at either end.
func newLoad(t *testing.T, server, client carrier.Conn) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{clientEnded: make(chan error, 1), serverEnded: make(chan error, 1), cancel: cancel}
	up, down := &flow{size: 100}, &flow{size: 100}
	l.senders.Go(func() { _ = up.send(ctx, client) })
	l.senders.Go(func() { _ = down.send(ctx, server) })
	l.receivers.Go(func() { l.serverEnded <- up.receive(t.Context(), server) })
	l.receivers.Go(func() { l.clientEnded <- down.receive(t.Context(), client) })
	for min(up.bytes.Load(), down.bytes.Load()) < 1000 {
		select {
		case err := <-l.serverEnded:
			t.Fatal(err)
		case err := <-l.clientEnded:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	return l
}

// wait waits for all of it.
func (l *load) wait() {
	l.cancel()
	l.senders.Wait()
	l.receivers.Wait()
}
