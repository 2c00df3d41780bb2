package carrier_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/gosig/gosig/carrier"
)

func TestBatchRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frames := rapid.SliceOf(rapid.SliceOfN(rapid.Byte(), 1, 300)).Draw(t, "frames")
		var batch []byte
		for _, f := range frames {
			batch = carrier.AppendFrame(batch, f)
		}
		var got [][]byte
		for rest := batch; len(rest) > 0; {
			f, next, err := carrier.Next(rest)
			if err != nil {
				t.Fatal(err)
			}
			got, rest = append(got, f), next
		}
		i := 0
		for f := range carrier.Frames(batch) {
			if !bytes.Equal(f, frames[i]) || !bytes.Equal(got[i], frames[i]) {
				t.Fatalf("frame %d is %x and %x, want %x", i, f, got[i], frames[i])
			}
			i++
		}
		if i != len(frames) || len(got) != len(frames) {
			t.Fatalf("%d and %d frames, want %d", i, len(got), len(frames))
		}
		if err := carrier.Check(batch, 300); err != nil {
			t.Fatal(err)
		}
	})
}

func TestNextRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		batch []byte
	}{
		{"nothing", nil},
		{"half a length", []byte{0, 0}},
		{"length 0", []byte{0, 0, 0, 0, 1}},
		{"cut frame", []byte{0, 0, 0, 3, 1, 2}},
		{"absurd length", []byte{0xff, 0xff, 0xff, 0xff, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := carrier.Next(c.batch)
			assert.ErrorIs(t, err, carrier.ErrProtocol)
		})
	}
	assert.ErrorIs(t, carrier.Check(carrier.AppendFrame(nil, make([]byte, 11)), 10), carrier.ErrFrameTooLarge)
}

func TestNextGivesNoWayIntoTheNextFrame(t *testing.T) {
	batch := carrier.AppendFrame(carrier.AppendFrame(nil, []byte("one")), []byte("two"))
	first, _, err := carrier.Next(batch)
	require.NoError(t, err)
	_ = append(first, "XXXXXXX"...)
	assert.NoError(t, carrier.Check(batch, 3))
}

func TestSplit(t *testing.T) {
	one, big := carrier.AppendFrame(nil, []byte("one")), carrier.AppendFrame(nil, make([]byte, 100))
	cut := big[:50]
	for _, c := range []struct {
		name        string
		batch       []byte
		room, limit int
		want        int
		err         error
	}{
		{"nothing", nil, 100, 100, 0, nil},
		{"all", slices.Concat(one, big, one), 200, 100, 118, nil},
		{"as far as there is room", slices.Concat(one, one, one), 20, 100, 14, nil},
		{"the first in any case", slices.Concat(big, one), 5, 100, 104, nil},
		{"up to a large one", slices.Concat(one, big, one), 200, 99, 7, nil},
		{"a large one", slices.Concat(big, one), 200, 99, 0, carrier.ErrFrameTooLarge},
		{"up to a cut one", slices.Concat(one, cut), 200, 100, 7, nil},
		{"a cut one", cut, 200, 100, 0, carrier.ErrProtocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			frames, rest, err := carrier.Split(c.batch, c.room, c.limit)
			assert.ErrorIs(t, err, c.err)
			assert.Equal(t, string(c.batch[:c.want]), string(frames))
			assert.Equal(t, string(c.batch[c.want:]), string(rest))
		})
	}
}

// fake is a carrier that remembers what it was asked.
type fake struct {
	schemes []string
	asked   *url.URL
	err     error
}

func (f *fake) Schemes() []string { return f.schemes }

func (f *fake) Dial(_ context.Context, u *url.URL) (carrier.Conn, error) {
	f.asked = u
	return nil, f.err
}

func (f *fake) Listen(_ context.Context, u *url.URL) (carrier.Listener, error) {
	f.asked = u
	return nil, f.err
}

func TestSetFindsByScheme(t *testing.T) {
	a, b := &fake{schemes: []string{"a"}}, &fake{schemes: []string{"b", "bs"}}
	set, err := carrier.NewSet(a, b)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b", "bs"}, set.Schemes())
	_, err = set.Dial(t.Context(), "bs://host:1?x=1")
	require.NoError(t, err)
	assert.Equal(t, "host:1", b.asked.Host)
	assert.Nil(t, a.asked)
	_, err = set.Listen(t.Context(), "A://host")
	require.NoError(t, err)
	assert.Equal(t, "a", a.asked.Scheme, "schemes do not mind case")
}

func TestSetSaysWhatItWasDoing(t *testing.T) {
	cause := errors.New("no carrier today")
	set, err := carrier.NewSet(&fake{schemes: []string{"a"}, err: cause})
	require.NoError(t, err)
	_, err = set.Dial(t.Context(), "a://host:1?key=secret.pem")
	assert.ErrorIs(t, err, cause)
	assert.EqualError(t, err, "dial a://host:1: no carrier today")
	_, err = set.Listen(t.Context(), "a://host:1?key=secret.pem")
	assert.EqualError(t, err, "listen on a://host:1: no carrier today")
}

func TestSetRefuses(t *testing.T) {
	set, err := carrier.NewSet(&fake{schemes: []string{"tcp", "tls"}})
	require.NoError(t, err)
	for _, c := range []struct{ name, addr, want string }{
		{"unknown scheme", "quic://h:1", `unknown scheme "quic"; known are tcp, tls`},
		{"no scheme", "localhost:7440", "write it as a URL, for example tcp://localhost:7440"},
		{"no scheme, a number", "127.0.0.1:7440", "for example tcp://127.0.0.1:7440"},
		{"no scheme, slashes further on", "h?x=://", "has no scheme"},
		{"no slashes behind the scheme", "tcp:h:1?x=://", "has no scheme"},
		{"scheme alone", "tcp://", "names nothing behind its scheme: write for example tcp://127.0.0.1:7440"},
		{"password alone", "tcp://me:canary@", "does not belong into an address"},
		{"empty", "", "for example tcp://127.0.0.1:7440"},
		{"bad port", "tcp://h:port", "is no URL"},
		{"password", "tcp://me:canary@h:1", "does not belong into an address"},
		{"fragment", "tcp://h:1#x", "has no meaning here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := set.Dial(t.Context(), c.addr)
			assert.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "canary")
			assert.Equal(t, err, set.Check(c.addr))
			_, err = set.Listen(t.Context(), c.addr)
			assert.ErrorContains(t, err, c.want)
		})
	}
	assert.NoError(t, set.Check("tls://h:1"))
	empty, err := carrier.NewSet()
	require.NoError(t, err)
	assert.ErrorContains(t, empty.Check("tcp://h:1"), "no carrier was given")
}

func TestSetRefusesTwoForOneScheme(t *testing.T) {
	_, err := carrier.NewSet(&fake{schemes: []string{"tcp"}}, &fake{schemes: []string{"ws", "tcp"}})
	assert.ErrorContains(t, err, `scheme "tcp" has two carriers`)
	_, err = carrier.NewSet(nil)
	assert.Error(t, err)
}

func TestQuery(t *testing.T) {
	for _, c := range []struct{ name, addr, want string }{
		{"none", "a://h", ""},
		{"known", "a://h?x=1&y=2", ""},
		{"unknown", "a://h?z=1", `unknown parameter "z"; a:// knows x, y`},
		{"twice", "a://h?x=1&x=2", `parameter "x" is given 2 times`},
		{"broken", "a://h?x=%zz", "cannot be read"},
		{"semicolon", "a://h?x=1;y=2", "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := carrier.Parse(c.addr)
			require.NoError(t, err)
			_, err = carrier.Query(u, "x", "y")
			if c.want == "" {
				assert.NoError(t, err)
				return
			}
			assert.ErrorContains(t, err, c.want)
		})
	}
}

// plainConn has none of the optional methods.
type plainConn struct{ carrier.Conn }

func (plainConn) Traits() carrier.Traits { return carrier.Traits{MaxFrame: 500} }

// ableConn has all of them.
type ableConn struct {
	plainConn
	limit int
}

func (c *ableConn) SetMaxFrame(n int)                  { c.limit = n }
func (c *ableConn) Handshake(context.Context) error    { return errors.New("no") }
func (c *ableConn) Identity() (carrier.Identity, bool) { return carrier.Identity{ID: "me"}, true }

func TestOptionalAbilities(t *testing.T) {
	var plain plainConn
	_, ok := carrier.IdentityOf(plain)
	assert.False(t, ok)
	assert.NoError(t, carrier.Handshake(t.Context(), plain))
	assert.Equal(t, 500, carrier.SetMaxFrame(plain, 100), "the medium's own limit stays")

	able := &ableConn{}
	id, ok := carrier.IdentityOf(able)
	assert.True(t, ok)
	assert.Equal(t, "me", id.ID)
	assert.Error(t, carrier.Handshake(t.Context(), able))
	assert.Equal(t, 100, carrier.SetMaxFrame(able, 100))
	assert.Equal(t, 100, able.limit)
	assert.Equal(t, 500, carrier.SetMaxFrame(able, 1000), "no more than the medium can carry")
	assert.Equal(t, 500, able.limit)
}

// FuzzNext: no input makes Next read or return what is not there.
func FuzzNext(f *testing.F) {
	f.Add(carrier.AppendFrame(nil, []byte("hello")))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 2, 1})
	f.Fuzz(func(t *testing.T, batch []byte) {
		frame, rest, err := carrier.Next(batch)
		if err != nil {
			if frame != nil || rest != nil {
				t.Fatal("something is returned beside an error")
			}
			return
		}
		if again := append(carrier.AppendFrame(nil, frame), rest...); !bytes.Equal(again, batch) {
			t.Fatalf("%x is not %x", again, batch)
		}
	})
}

// FuzzParse: an address either is refused or keeps its meaning when written
// again.
func FuzzParse(f *testing.F) {
	for _, addr := range []string{"tcp://127.0.0.1:0", "unix:///run/x.sock?mode=0660", "mem://hub", "localhost:1", "://", "tls://[::1]:1?ca=a%20b"} {
		f.Add(addr)
	}
	f.Fuzz(func(t *testing.T, addr string) {
		u, err := carrier.Parse(addr)
		if err != nil {
			return
		}
		again, err := carrier.Parse(u.String())
		if err != nil {
			t.Fatalf("%q is accepted but %q, which it stands for, is not: %v", addr, u.String(), err)
		}
		if again.Host != u.Host || again.Path != u.Path || again.Scheme != u.Scheme {
			t.Fatalf("%q became %q", addr, again)
		}
	})
}

// withDatagrams is a Conn that takes datagrams of some size.
type withDatagrams struct {
	carrier.Conn
	largest int
}

func (withDatagrams) SendDatagram([]byte) error                       { return nil }
func (withDatagrams) ReceiveDatagram(context.Context) ([]byte, error) { return nil, nil }
func (c withDatagrams) MaxDatagram() int                              { return c.largest }

func TestDatagramsOf(t *testing.T) {
	for _, c := range []struct {
		name string
		conn carrier.Conn
		want bool
	}{
		{"a medium without", struct{ carrier.Conn }{}, false},
		{"one that has them", withDatagrams{largest: 1000}, true},
		{"a peer that takes none", withDatagrams{}, false},
	} {
		if d, ok := carrier.DatagramsOf(c.conn); ok != c.want || (d != nil) != c.want {
			t.Errorf("%s: %v, %v", c.name, d, ok)
		}
	}
}
