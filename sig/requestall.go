package sig

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// Answer is what one sender made of a [Registry.RequestAll].
type Answer struct {
	Sender Name
	Data   any
	// Err is nil if it answered; it matches [ErrConnectionLost] if it left, and
	// [ErrNoMethod] if it does not answer that method.
	Err error
}

// maxAsked is how many senders are asked at the same time.
const maxAsked = 64

// RequestAll asks every connected sender whose name matches, all under the same
// context, and returns when each has answered, failed or left, sorted by name.
func (r *Registry) RequestAll(ctx context.Context, sender, method Name, data any) []Answer {
	senders := slices.DeleteFunc(r.matchingSenders(sender), (*Sender).Hidden)
	answers := make([]Answer, len(senders))
	var wg sync.WaitGroup
	permits := make(chan struct{}, maxAsked) // one for each that is being asked; not closed
	for i, s := range senders {
		permits <- struct{}{}
		wg.Go(func() { // ends with the request, that is with ctx at the latest
			defer func() { <-permits }()
			answers[i] = s.ask(ctx, method, data)
		})
	}
	wg.Wait()
	return answers
}

func (s *Sender) ask(ctx context.Context, method Name, data any) Answer {
	v, err := s.Serve(ctx, method, data)
	if _, encoded := v.(Encoded); encoded && err == nil {
		v, err = Data[any](v)
	}
	if CodeOf(err) == CodeNoSender { // it was there a moment ago
		err = errSenderLeft
	}
	return Answer{s.slot.name, v, err}
}

func (r *Registry) matchingSenders(pattern Name) []*Sender {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var senders []*Sender
	for name, sl := range r.slots {
		if sl.current != nil && MatchName(pattern, name) {
			senders = append(senders, sl.current)
		}
	}
	slices.SortFunc(senders, func(a, b *Sender) int {
		return strings.Compare(string(a.slot.name), string(b.slot.name))
	})
	return senders
}
