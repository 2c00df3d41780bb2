package quic_test

import (
	"context"
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// draft29 is a version of QUIC from before there was one.
const draft29 = 0xff00001d

// TestOtherVersionOfClient: a client that speaks another version of QUIC is told
// which ones there are, and costs nothing.
func TestOtherVersionOfClient(t *testing.T) {
	w := newWorld(t, nil)
	for name, version := range map[string]uint32{
		"an old draft": draft29, "one to come": 0x00000002, "of Google's": 0x51303530,
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := net.Dial("udp", hostPort(w.ln))
			require.NoError(t, err)
			defer nc.Close()
			require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
			initial := append([]byte(nil), hello(t)[0]...)
			binary.BigEndian.PutUint32(initial[1:], version)
			_, err = nc.Write(initial)
			require.NoError(t, err)
			answer := make([]byte, 1500)
			n, err := nc.Read(answer)
			require.NoError(t, err)
			require.Zero(t, binary.BigEndian.Uint32(answer[1:]), "a Version Negotiation packet (RFC 9000 §17.2.1)")
			offered := answer[5:n] // two IDs, with their lengths, and then versions
			offered = offered[1+offered[0]:]
			offered = offered[1+offered[0]:]
			require.Zero(t, len(offered)%4)
			var versions []uint32
			for ; len(offered) > 0; offered = offered[4:] {
				versions = append(versions, binary.BigEndian.Uint32(offered))
			}
			assert.Contains(t, versions, uint32(1))
			assert.NotContains(t, versions, version)
		})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := w.ln.Accept(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded, "they are no connections")
	client, server := w.pair(t, w.ln.Addr())
	sent := background(func() error { return sendNumbered(patient(t), client, 10, 100) })
	require.NoError(t, receiveNumbered(patient(t), server, 10, nil))
	require.NoError(t, <-sent)
}

// TestOtherVersionOfServer: what answers speaks another version only.
func TestOtherVersionOfServer(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	answered := background(func() error { // ends with pc
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return nil
			}
			if n == 0 {
				continue // asks only whether somebody has the port
			}
			if _, err := pc.WriteTo(negotiation(buf[:n], draft29), from); err != nil {
				return err
			}
		}
	})
	w := newWorld(t, nil)
	_, err = w.dialer.Dial(patient(t), "quic://"+pc.LocalAddr().String())
	require.ErrorContains(t, err, "the peer speaks another version of QUIC")
	pc.Close()
	require.NoError(t, <-answered)
}

// negotiation answers a packet with a Version Negotiation packet.
func negotiation(packet []byte, version uint32) []byte {
	ids := packet[5:]
	theirs, rest := ids[1:1+ids[0]], ids[1+ids[0]:]
	ours := rest[1 : 1+rest[0]]
	answer := []byte{0xc0, 0, 0, 0, 0, byte(len(ours))}
	answer = append(append(append(answer, ours...), byte(len(theirs))), theirs...)
	return binary.BigEndian.AppendUint32(answer, version)
}
