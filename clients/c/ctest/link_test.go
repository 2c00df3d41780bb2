package ctest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dash is how the tool writes no bytes.
func dash(hex string) string {
	if hex == "" {
		return "-"
	}
	return hex
}

// TestVectors: the client agrees with the files of carrier/serial/link and wire.
func TestVectors(t *testing.T) {
	x := newTool(t, "-DGOSIG_TX_BUFFER=8192") // what is encoded lands there
	t.Run("CRC", func(t *testing.T) { checkCRC(t, x) })
	t.Run("COBS", func(t *testing.T) { checkCOBS(t, x) })
	t.Run("frames", func(t *testing.T) { checkFrames(t, x) })
	t.Run("sid", func(t *testing.T) { checkSid(t, x) })
	t.Run("envelopes", func(t *testing.T) { checkEnvelopes(t, x) })
	t.Run("patterns", func(t *testing.T) { checkPatterns(t, x) })
}

func checkCRC(t *testing.T, x *tool) {
	var file []struct {
		Data string `json:"data"`
		CRC  string `json:"crc"`
	}
	linkVectors(t, "crc.json", &file)
	require.NotEmpty(t, file)
	for _, v := range file {
		assert.Equal(t, v.CRC, x.ask("crc %s", v.Data), v.Data)
	}
}

func checkCOBS(t *testing.T, x *tool) {
	type vector struct{ Name, Data, Encoded string }
	var file struct{ Valid, Accepted, Malformed []vector }
	linkVectors(t, "cobs.json", &file)
	require.NotEmpty(t, file.Valid)
	require.NotEmpty(t, file.Accepted)
	require.NotEmpty(t, file.Malformed)
	for _, v := range file.Valid {
		assert.Equal(t, v.Encoded, x.ask("stuff %s", v.Data), v.Name)
		assert.Equal(t, dash(v.Data), x.ask("unstuff %s", v.Encoded), v.Name)
	}
	for _, v := range file.Accepted {
		assert.Equal(t, dash(v.Data), x.ask("unstuff %s", v.Encoded), v.Name)
	}
	for _, v := range file.Malformed {
		assert.Equal(t, "-", x.ask("unstuff %s", v.Encoded), v.Name)
	}
}

func checkFrames(t *testing.T, x *tool) {
	type vector struct {
		Name, Payload, Wire         string
		Type, Credit, Seq, Ack, Sid int
		Bitmap                      *int
	}
	var file struct{ Valid, Malformed []vector }
	linkVectors(t, "frames.json", &file)
	require.NotEmpty(t, file.Valid)
	require.NotEmpty(t, file.Malformed)
	for _, v := range file.Valid {
		gaps, bitmap := 0, 0
		if v.Bitmap != nil {
			gaps, bitmap = 1, *v.Bitmap
		}
		want := fmt.Sprintln(v.Type, gaps, v.Credit, v.Seq, v.Ack, v.Sid, bitmap, dash(v.Payload))
		got := x.ask("frame %s", inside(v.Wire))
		assert.Equal(t, want, got+"\n", v.Name)
	}
	for _, v := range file.Malformed {
		assert.Equal(t, "bad", x.ask("frame %s", inside(v.Wire)), v.Name)
	}
}

// inside is what stands between the zeros.
func inside(wire string) string { return strings.TrimSuffix(strings.TrimPrefix(wire, "00"), "00") }

func checkSid(t *testing.T, x *tool) {
	var file []struct {
		From, To string
		Sid      int
	}
	linkVectors(t, "sid.json", &file)
	require.NotEmpty(t, file)
	for _, v := range file {
		assert.Equal(t, fmt.Sprint(v.Sid), x.ask("sid %s %s", v.From, v.To))
	}
}
