package inproc

import (
	"context"
	"strconv"
	"sync/atomic"

	wm "github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	"github.com/asaskevich/EventBus"
	"github.com/cskr/pubsub/v2"
	"github.com/kelindar/event"
	"github.com/maniartech/signals"
	"github.com/mustafaturan/bus/v3"
)

// maniartech emits a synchronous signal.
func maniartech(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		s := signals.NewSync[int]()
		for range handlers {
			s.AddListener(func(_ context.Context, v int) { c.add(v) })
		}
		ctx := context.Background()
		return bench{run: func(n int) {
			for i := range n {
				s.Emit(ctx, i)
			}
		}}, nil
	}
}

// eventBus publishes to synchronous handlers.
func eventBus(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		b := EventBus.New()
		for range handlers {
			if err := b.Subscribe("temp", func(v int) { c.add(v) }); err != nil {
				return bench{}, err
			}
		}
		return bench{run: func(n int) {
			for i := range n {
				b.Publish("temp", i)
			}
		}}, nil
	}
}

// mustafaturan emits to handlers, with counted identifiers.
func mustafaturan(handlers int) func() (bench, error) {
	return func() (bench, error) {
		var c counter
		var ids atomic.Uint64
		b, err := bus.NewBus(bus.Next(func() string { return strconv.FormatUint(ids.Add(1), 10) }))
		if err != nil {
			return bench{}, err
		}
		b.RegisterTopics("temp")
		for i := range handlers {
			b.RegisterHandler(strconv.Itoa(i), bus.Handler{
				Matcher: "^temp$",
				Handle: func(_ context.Context, ev bus.Event) {
					if v, ok := ev.Data.(int); ok {
						c.add(v)
					}
				},
			})
		}
		ctx := context.Background()
		return bench{run: func(n int) {
			for i := range n {
				if err := b.Emit(ctx, "temp", i); err != nil {
					panic(err)
				}
			}
		}}, nil
	}
}

// temperature is an event as kelindar wants it.
type temperature struct{ value int }

// Type implements [event.Event].
func (temperature) Type() uint32 { return 1 }

// kelindar publishes to a handler that the dispatcher runs on a goroutine of
// its own.
func kelindar(producers int) func() (bench, error) {
	return func() (bench, error) {
		a := newArrival()
		d := event.NewDispatcher()
		cancel := event.Subscribe(d, func(temperature) { a.one() })
		run := func(n int) { a.produce(producers, n, func(v int) { event.Publish(d, temperature{v}) }) }
		return bench{run: run, stop: func() { cancel(); _ = d.Close() }}, nil
	}
}

// cskr publishes by way of the library's goroutine to a channel.
func cskr(producers int) func() (bench, error) {
	return func() (bench, error) {
		a := newArrival()
		ps := pubsub.New[string, int](queueSize)
		events := ps.Sub("temp")
		go func() { // ends with Shutdown
			for range events {
				a.one()
			}
		}()
		run := func(n int) { a.produce(producers, n, func(v int) { ps.Pub(v, "temp") }) }
		return bench{run: run, stop: ps.Shutdown}, nil
	}
}

// watermill publishes messages that the subscriber acknowledges.
func watermill(producers int) func() (bench, error) {
	return func() (bench, error) {
		a := newArrival()
		ps := gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: queueSize, BlockPublishUntilSubscriberAck: true}, wm.NopLogger{})
		messages, err := ps.Subscribe(context.Background(), "temp")
		if err != nil {
			return bench{}, err
		}
		go func() { // ends with Close
			for m := range messages {
				m.Ack()
				a.one()
			}
		}()
		payload := []byte("21.5")
		run := func(n int) {
			a.produce(producers, n, func(v int) {
				if err := ps.Publish("temp", message.NewMessage(strconv.Itoa(v), payload)); err != nil {
					panic(err)
				}
			})
		}
		return bench{run: run, stop: func() { _ = ps.Close() }}, nil
	}
}
