package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/router"
	"github.com/gosig/gosig/sig"
)

// outstanding is how many requests each client has under way at a time.
const outstanding = 64

// oracle answers each question with the question in the answer. It answers
// nothing before all of a round have been asked, and then in any order.
type oracle struct {
	mu      sync.Mutex
	waiting map[string][]chan struct{} // by client
	most    int                        // under way at once
}

func (o *oracle) ask(ctx context.Context, req *sig.Request) (any, error) {
	var q struct{ client, question string }
	data, err := sig.Data[any](req.Data)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprint(data)
	if b, ok := data.([]byte); ok {
		text = string(b)
	}
	if _, err := fmt.Sscanf(text, "%s %s", &q.client, &q.question); err != nil {
		return nil, err
	}
	select {
	case <-o.turn(q.client):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if _, ok := data.([]byte); ok {
		return []byte("answer to " + text), nil
	}
	return "answer to " + text, nil
}

// turn returns a channel that is closed when the round is complete.
func (o *oracle) turn(client string) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	turn := make(chan struct{})
	o.waiting[client] = append(o.waiting[client], turn)
	round := o.waiting[client]
	all := 0
	for _, w := range o.waiting {
		all += len(w)
	}
	o.most = max(o.most, all)
	if len(round) == outstanding {
		delete(o.waiting, client)
		rand.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
		for _, w := range round {
			close(w)
		}
	}
	return turn
}

// TestRequestsNeverMix has four clients with all codecs ask 64 questions each at
// a time, of two senders with different codecs.
func TestRequestsNeverMix(t *testing.T) {
	t.Parallel()
	// So many at once for one sender are more than a connection may have by
	// default.
	p := serve(t, append(configured(t, "[limits]\npending_requests = 512\n"), "--listen", "tcp://127.0.0.1:0")...)
	ample := func(o *router.ClientOptions) { o.Limits.PendingRequests = 512 }
	for _, owner := range []codec.ID{"cbor", "json"} {
		o := &oracle{waiting: make(map[string][]chan struct{})}
		at := join(t, owner, p.addrs, ample)
		name := sig.Name("oracle/" + owner)
		at.connect(t, name, sig.Spec{Default: o.ask})
		var askers sync.WaitGroup
		for i, c := range []codec.ID{"json", "cbor", "raw", "cbor"} {
			if owner == "json" && c == "raw" {
				continue // bytes are a string in JSON, and come back as one: not for raw
			}
			cl := join(t, c, p.addrs, ample)
			require.NoError(t, cl.router.WaitConnected(patient(t)))
			cl.knows(t, name)
			for j := range outstanding {
				askers.Go(func() {
					for k := range 20 {
						question := fmt.Sprintf("%s-%d %d-%d", c, i, j, k)
						if err := askOne(patient(t), cl, name, c, question); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
		}
		askers.Wait()
		o.mu.Lock()
		most := o.most
		o.mu.Unlock()
		t.Logf("%s had up to %d at once", name, most)
		require.GreaterOrEqual(t, most, outstanding)
	}
}

// askOne asks one question and checks that the answer is to it.
func askOne(ctx context.Context, c *client, name sig.Name, of codec.ID, question string) error {
	answer, err := c.Request(ctx, name, "ask", small(of, question))
	if err != nil {
		return fmt.Errorf("%s: %w", question, err)
	}
	text, err := sig.Data[any](answer)
	if b, ok := text.([]byte); ok {
		text = string(b)
	}
	if err != nil || text != "answer to "+question {
		return fmt.Errorf("%s was answered with %v (%w)", question, text, err)
	}
	return nil
}

// TestTooManyRequests: what is over a connection's limit is refused as busy, with
// the limit's name; the rest is answered.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	p := serve(t, append(configured(t, "[limits]\npending_requests = 16\n"), "--listen", "tcp://127.0.0.1:0")...)
	owner := dial(t, "cbor", p.addrs)
	release := make(chan struct{}) // closed when all have been asked
	owner.connect(t, "slow", sig.Spec{Default: func(context.Context, *sig.Request) (any, error) {
		<-release
		return "done", nil
	}})
	var asking sync.WaitGroup
	var mu sync.Mutex
	answered, busy := 0, 0
	for range 2 {
		cl := dial(t, "cbor", p.addrs)
		cl.knows(t, "slow")
		for range 16 {
			asking.Go(func() {
				_, err := cl.Request(patient(t), "slow", "now", nil)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					answered++
				case errors.Is(err, sig.ErrBusy):
					busy++
					if want := "busy: \"slow\" has too many requests under way (PendingRequests)"; err.Error() != want {
						t.Errorf("got %q, want %q", err, want)
					}
				default:
					t.Errorf("got %v, want an answer or busy", err)
				}
			})
		}
	}
	await(t, "those over the limit to be refused", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return busy >= 16
	})
	close(release)
	asking.Wait()
	require.Equal(t, 32, answered+busy)
	require.LessOrEqual(t, answered, 16)
	require.GreaterOrEqual(t, answered, 14, "two of the places are kept for who has none")
}
