package flow

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWindowBoundsWhatIsUnderWay(t *testing.T) {
	const size, block, sinks = 64, 8, 3
	w := NewWindow(size, block)
	queues := make([]chan []byte, sinks)
	var consumers sync.WaitGroup
	for i := range queues {
		queues[i] = make(chan []byte, size) // never full, if the window holds
		sink := w.NewSink(4)
		consumers.Go(func() {
			for p := range queues[i] {
				sink.Take(p)
			}
		})
	}
	var publishers sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for range 1000 {
				if !w.Acquire() {
					return
				}
				for range block {
					for _, q := range queues {
						select {
						case q <- make([]byte, 4):
						default:
							t.Error("more under way than the window has room for")
							w.Stop()
							return
						}
					}
				}
			}
		})
	}
	publishers.Wait()
	require.NoError(t, w.Drain(5*time.Second))
	assert.EqualValues(t, 4*1000*block, w.Sent())
	for _, q := range queues {
		close(q)
	}
	consumers.Wait()
}

func TestStopEndsWaiting(t *testing.T) {
	w := NewWindow(8, 8)
	w.NewSink(1)
	require.True(t, w.Acquire())
	go w.Stop()
	assert.False(t, w.Acquire())
}

func TestDrainNoticesLoss(t *testing.T) {
	w := NewWindow(8, 4)
	sink := w.NewSink(1)
	require.True(t, w.Acquire())
	for range 3 {
		sink.Take([]byte{0})
	}
	assert.ErrorContains(t, w.Drain(time.Millisecond), "of 4")
}

func TestDrainNoticesOtherMessages(t *testing.T) {
	w := NewWindow(8, 4)
	sink := w.NewSink(1)
	require.True(t, w.Acquire())
	for range 4 {
		sink.Take([]byte{0, 0})
	}
	assert.ErrorContains(t, w.Drain(time.Millisecond), "another size")
}

func TestRate(t *testing.T) {
	at := time.Unix(1000, 0)
	assert.InDelta(t, 500, Rate(Mark{100, at}, Mark{350, at.Add(500 * time.Millisecond)}), 1e-9)
	assert.Zero(t, Rate(Mark{100, at}, Mark{100, at}))
	assert.WithinDuration(t, time.Now(), NewSink(1, 1).Mark().At, time.Minute, "also before the first message")
}
