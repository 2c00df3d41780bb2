package mem_test

import (
	"context"
	"errors"
	"io"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/carriertest"
	"github.com/gosig/gosig/carrier/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	carriertest.Test(t, carriertest.Subject{
		Carrier: mem.New(),
		Listen:  func(testing.TB) string { return "mem://:0" },
	})
}

func TestConformanceSmallBuffer(t *testing.T) {
	network := mem.New()
	network.SetBuffer(1)
	carriertest.Test(t, carriertest.Subject{
		Carrier: network,
		Listen:  func(testing.TB) string { return "mem://:0" },
		Options: carriertest.Options{Bytes: 100_000},
	})
}

func TestConformancePipe(t *testing.T) {
	carriertest.TestConn(t, func(testing.TB) (a, b carrier.Conn) { return mem.Pipe() }, nil)
}

func TestAddresses(t *testing.T) {
	set, err := carrier.NewSet(mem.New())
	require.NoError(t, err)
	_, err = set.Dial(t.Context(), "mem://hub")
	assert.ErrorIs(t, err, mem.ErrNotListening)
	assert.ErrorContains(t, err, "is a router listening on mem://hub in this process? (nobody listens in this network)")

	ln, err := set.Listen(t.Context(), "mem://hub")
	require.NoError(t, err)
	_, err = set.Listen(t.Context(), "mem://hub")
	assert.ErrorContains(t, err, "has a listener already")
	_, err = set.Dial(t.Context(), "mem://hob")
	assert.ErrorContains(t, err, "there are listeners on mem://hub")
	_, err = set.Dial(t.Context(), "mem:///hub")
	assert.ErrorContains(t, err, "write mem://name")
	_, err = set.Dial(t.Context(), "mem://hub?who=me")
	assert.ErrorContains(t, err, "mem:// knows as")

	require.NoError(t, ln.Close())
	ln, err = set.Listen(t.Context(), "mem://hub")
	require.NoError(t, err, "a name is free again after Close")
	require.NoError(t, ln.Close())
}

func TestIdentity(t *testing.T) {
	client, server := connect(t, mem.New(), "?as=kitchen")
	id, ok := carrier.IdentityOf(server)
	assert.True(t, ok)
	assert.Equal(t, carrier.Identity{ID: "kitchen", Method: "mem"}, id)
	assert.True(t, server.Traits().PeerIdentity)
	_, ok = carrier.IdentityOf(client)
	assert.False(t, ok)
}

func TestSendRefusesWhatIsNoBatch(t *testing.T) {
	a, b := mem.Pipe()
	defer a.Close()
	defer b.Close()
	assert.ErrorIs(t, a.Send(t.Context(), []byte{0, 0, 0, 9, 1}), carrier.ErrProtocol)
}

// TestBacklog: a Dial waits while nobody accepts, and is freed by an Accept, a
// Close, or its context.
func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		set, err := carrier.NewSet(network)
		require.NoError(t, err)
		ln, err := set.Listen(t.Context(), "mem://hub")
		require.NoError(t, err)
		for range 128 {
			c, err := set.Dial(t.Context(), "mem://hub")
			require.NoError(t, err)
			defer c.Close()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = set.Dial(ctx, "mem://hub")
		assert.ErrorIs(t, err, context.DeadlineExceeded)

		dial := make(chan error, 1) // one result
		go func() {
			_, err := set.Dial(t.Context(), "mem://hub")
			dial <- err
		}()
		synctest.Wait()
		require.NoError(t, ln.Close())
		assert.ErrorIs(t, <-dial, mem.ErrNotListening)
	})
}

// TestDeterministic: under synctest a conn blocks, wakes and times out exactly.
func TestDeterministic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.New()
		network.SetBuffer(100)
		a, b := connect(t, network, "")
		batch := carrier.AppendFrame(nil, make([]byte, 50))

		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := b.Receive(ctx, nil)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start), "a Receive ends at its deadline")

		require.NoError(t, a.Send(t.Context(), batch))
		sent := false
		go func() {
			if a.Send(t.Context(), batch) == nil {
				sent = true
			}
		}()
		synctest.Wait()
		assert.False(t, sent, "Send waits for room")
		_, err = b.Receive(t.Context(), nil)
		require.NoError(t, err)
		synctest.Wait()
		assert.True(t, sent, "a Receive makes room")
	})
}

func TestCloseDropsWhatNobodyReceives(t *testing.T) {
	a, b := mem.Pipe()
	batch := carrier.AppendFrame(nil, []byte("x"))
	require.NoError(t, a.Send(t.Context(), batch))
	require.NoError(t, b.Close())
	assert.ErrorIs(t, a.Send(t.Context(), batch), io.ErrClosedPipe)
	_, err := a.Receive(t.Context(), nil)
	assert.True(t, errors.Is(err, io.EOF))
	require.NoError(t, a.Close())
}

func connect(t testing.TB, network *mem.Network, query string) (client, server carrier.Conn) {
	ctx := context.Background()
	ln, err := network.Listen(ctx, &url.URL{Scheme: "mem", Host: ":0"})
	require.NoError(t, err)
	u, err := carrier.Parse(ln.Addr() + query)
	require.NoError(t, err)
	client, err = network.Dial(ctx, u)
	require.NoError(t, err)
	server, err = ln.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close(); client.Close(); server.Close() })
	return client, server
}

func BenchmarkThroughput(b *testing.B) {
	x, y := mem.Pipe()
	defer x.Close()
	defer y.Close()
	var batch []byte
	const per = 1000
	for range per {
		batch = carrier.AppendFrame(batch, make([]byte, 16))
	}
	go func() { // ends with Close
		for x.Send(context.Background(), batch) == nil {
			continue
		}
	}()
	buf := make([]byte, 64<<10)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		got, err := y.Receive(context.Background(), buf)
		if err != nil {
			b.Fatal(err)
		}
		n += len(got) / 20
	}
}
