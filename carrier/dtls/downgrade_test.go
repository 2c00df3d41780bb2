package dtls_test

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
)

// alerts of TLS (RFC 5246 §7.2).
const (
	alertVersion = 70 // protocol_version
	alertWeak    = 71 // insufficient_security
)

// TestWeakOffers: a client that offers only an old version, or suites that do not
// protect, is refused by the first message in which the listener may do so.
func TestWeakOffers(t *testing.T) {
	const dtls10, dtls12 = 0xfeff, 0xfefd
	ln, _ := listen(t, withKeys(), "")
	for _, c := range []struct {
		name    string
		version uint16
		suite   uint16
		want    byte
	}{
		{"DTLS 1.0", dtls10, 0x00a8, alertVersion},
		{"DTLS 1.0, with a suite of its own", dtls10, 0x008c, alertVersion},
		{"PSK-NULL-SHA256", dtls12, 0x00b0, alertWeak},
		{"PSK-NULL-SHA", dtls12, 0x002c, alertWeak},
		{"NULL-NULL", dtls12, 0x0000, alertWeak},
		{"PSK-RC4-SHA", dtls12, 0x008a, alertWeak},
		{"PSK-3DES-EDE-CBC-SHA", dtls12, 0x008b, alertWeak},
		{"PSK-AES128-CBC-SHA256", dtls12, 0x00ae, alertWeak},
		{"PSK-AES128-CCM8", dtls12, 0xc0a8, alertWeak},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer := offer(t, ln, offering(hello(t), c.version, c.suite))
			require.Len(t, answer, 15, "an alert and nothing else: % x", answer)
			assert.Equal(t, []byte{21, 2, c.want}, []byte{answer[0], answer[13], answer[14]}, "a fatal alert")
		})
	}
	t.Run("what is right", func(t *testing.T) {
		answer := offer(t, ln, offering(hello(t), dtls12, 0x00a8))
		assert.Equal(t, []byte{22, 2}, []byte{answer[0], answer[13]}, "the same message with a suite that will do gets a ServerHello")
		conn, err := ln.Accept(within(t, time.Minute))
		require.NoError(t, err)
		conn.Close()
	})
	eventually(t, func() bool { return dtls.Alive(ln) == 0 && dtls.Held(ln) == 0 }, "nothing is kept of the refused")
	client, server := connect(t, ln, newSet(t, withKeys()), ln.Addr())
	stream(t, client, server, 0, 10)
}

// offersAt is where a ClientHello without session and cookie has the length of its
// cookie.
const offersAt = randomAt + 32 + 1

// offering is a ClientHello with another version and one other suite. hello's
// client offers one.
func offering(d []byte, version, suite uint16) []byte {
	d = append([]byte{}, d...)
	binary.BigEndian.PutUint16(d[1:], version)
	binary.BigEndian.PutUint16(d[randomAt-2:], version)
	suites := d[offersAt+1:]
	for i := range binary.BigEndian.Uint16(suites) / 2 {
		binary.BigEndian.PutUint16(suites[2+2*i:], suite)
	}
	return d
}

// returning is a ClientHello sent again with the cookie that was asked for.
func returning(d, cookie []byte) []byte {
	again := append([]byte{}, d[:offersAt]...)
	again = append(append(again, byte(len(cookie))), cookie...)
	again = append(again, d[offersAt+1:]...)
	again[10]++ // the record's number
	again[18]++ // the message's
	body := len(again) - 25
	binary.BigEndian.PutUint16(again[11:], uint16(body+12))
	binary.BigEndian.PutUint16(again[15:], uint16(body))
	binary.BigEndian.PutUint16(again[23:], uint16(body))
	return again
}

// offer sends a ClientHello, with the cookie if it is asked for one, and returns
// the answer.
func offer(t *testing.T, ln carrier.Listener, d []byte) []byte {
	u, err := url.Parse(ln.Addr())
	require.NoError(t, err)
	nc, err := net.Dial("udp", u.Host)
	require.NoError(t, err)
	defer nc.Close()
	require.NoError(t, nc.SetDeadline(time.Now().Add(time.Minute)))
	ask := func(d []byte) []byte {
		_, err := nc.Write(d)
		require.NoError(t, err)
		answer := make([]byte, 1500)
		n, err := nc.Read(answer)
		require.NoError(t, err)
		require.Greater(t, n, 14)
		return answer[:n]
	}
	answer := ask(d)
	if answer[0] == 22 && answer[13] == 3 { // HelloVerifyRequest
		answer = ask(returning(d, answer[28:28+answer[27]]))
	}
	return answer
}

// TestWeakAnswers: a client takes no ServerHello of an old version or with a suite
// that it has not offered, whoever has put them there.
func TestWeakAnswers(t *testing.T) {
	const versionAt, sessionAt = randomAt - 2, randomAt + 32
	version := func(d []byte) { binary.BigEndian.PutUint16(d[versionAt:], 0xfeff) }
	suite := func(id uint16) func([]byte) {
		return func(d []byte) { binary.BigEndian.PutUint16(d[sessionAt+1+int(d[sessionAt]):], id) }
	}
	for _, c := range []struct {
		name  string
		alter func(serverHello []byte)
		want  string
	}{
		{"DTLS 1.0", version, "unsupported protocol version"},
		{"DTLS 1.0 on the record as well", func(d []byte) { version(d); copy(d[1:], d[versionAt:versionAt+2]) }, "unsupported protocol version"},
		{"PSK-NULL-SHA256", suite(0x00b0), "cipher suite"},
		{"PSK-AES128-CCM8", suite(0xc0a8), "cipher suite"},
	} {
		t.Run(c.name, func(t *testing.T) {
			opts := withKeys()
			opts.HandshakeTimeout = time.Minute
			ln, _ := listen(t, opts, "")
			p := newPath(t, ln.Addr(), 1, 0)
			altered := make(chan struct{}, 100) // one for each ServerHello; the rest of a second's do not matter
			p.mu.Lock()
			p.alter = func(d []byte) {
				if d[0] == 22 && d[13] == 2 {
					c.alter(d)
					select {
					case altered <- struct{}{}:
					default:
					}
				}
			}
			p.mu.Unlock()
			conn, err := newSet(t, opts).Dial(within(t, time.Minute), p.addr())
			if err == nil {
				defer conn.Close()
				err = carrier.Handshake(within(t, time.Minute), conn)
			}
			assert.ErrorContains(t, err, c.want)
			assert.NotEmpty(t, altered, "the ServerHello was on its way")
			eventually(t, func() bool { return dtls.Alive(ln) == 0 }, "the listener keeps nothing of it")
		})
	}
}

// TestOldOpenSSL: one that speaks DTLS 1.0 only, on either side.
func TestOldOpenSSL(t *testing.T) {
	psk := []string{"-dtls1", "-cipher", "PSK:@SECLEVEL=0", "-psk_identity", "press-1", "-psk", hex.EncodeToString(key)}
	t.Run("client", func(t *testing.T) {
		ln, _ := listen(t, withKeys(), "")
		u, err := url.Parse(ln.Addr())
		require.NoError(t, err)
		said := openssl(t, append([]string{"s_client", "-connect", u.Host}, psk...)...)
		eventually(t, func() bool { return strings.Contains(said(), "alert protocol version") }, "a refusal")
		eventually(t, func() bool { return dtls.Alive(ln) == 0 }, "nothing is kept of it")
	})
	t.Run("server", func(t *testing.T) {
		addr := freeUDP(t)
		said := openssl(t, append([]string{"s_server", "-listen", "-accept", addr, "-quiet", "-nocert"}, psk...)...)
		var refused error
		eventually(t, func() bool { // until the server has its port
			conn, err := newSet(t, withKeys()).Dial(within(t, time.Minute), "dtls://"+addr)
			if err == nil {
				defer conn.Close()
				err = carrier.Handshake(within(t, time.Minute), conn)
				require.Error(t, err, said())
			}
			refused = err
			return !strings.Contains(err.Error(), "is a router listening")
		}, "s_server answers")
		assert.ErrorContains(t, refused, "the peer refused", said())
	})
}
