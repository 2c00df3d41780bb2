package link_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/carrier/serial/link"
)

// vectors reads a file of testdata/vectors into want, after writing it anew from
// made if the flag says so; made is what this implementation says today.
func vectors[T any](t *testing.T, name string, made T) (want T) {
	t.Helper()
	file := filepath.Join("testdata", "vectors", name)
	if *update {
		p, err := json.MarshalIndent(made, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, append(p, '\n'), 0o644))
	}
	p, err := os.ReadFile(file)
	require.NoError(t, err, "go test ./carrier/serial/link -run Vectors -update")
	require.NoError(t, json.Unmarshal(p, &want))
	return want
}

// hexBytes are bytes that JSON shows in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(p []byte) (err error) {
	*h, err = hex.DecodeString(string(p))
	return err
}

type crcVector struct {
	Name string   `json:"name"`
	Data hexBytes `json:"data"`
	CRC  string   `json:"crc"`  // as a number
	Wire hexBytes `json:"wire"` // as it follows the data
}

func TestVectorsCRC(t *testing.T) {
	var made []crcVector
	for _, v := range []crcVector{
		{Name: "nothing", Data: hexBytes{}},
		{Name: "the check value", Data: hexBytes("123456789")},
		{Name: "a zero", Data: hexBytes{0}},
		{Name: "32 zeros", Data: make(hexBytes, 32)},
		{Name: "32 of 255", Data: bytes.Repeat(hexBytes{255}, 32)},
		{Name: "text", Data: hexBytes("The quick brown fox jumps over the lazy dog")},
	} {
		sum := crc32.ChecksumIEEE(v.Data)
		v.CRC, v.Wire = fmt.Sprintf("%08x", sum), hexBytes{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}
		made = append(made, v)
	}
	want := vectors(t, "crc.json", made)
	assert.Equal(t, made, want)
	assert.Equal(t, "cbf43926", want[1].CRC, "the published check value of CRC-32/ISO-HDLC")
}

type cobsFile struct {
	Valid     []cobsVector `json:"valid"`     // each way
	Accepted  []cobsVector `json:"accepted"`  // when decoding only
	Malformed []cobsVector `json:"malformed"` // no data
}

type cobsVector struct {
	Name    string   `json:"name"`
	Data    hexBytes `json:"data,omitempty"`
	Encoded hexBytes `json:"encoded"`
}

func counting(from, to int) (p hexBytes) {
	for i := from; i <= to; i++ {
		p = append(p, byte(i))
	}
	return p
}

func TestVectorsCOBS(t *testing.T) {
	made := cobsFile{
		Valid: []cobsVector{
			{Name: "nothing", Data: hexBytes{}},
			{Name: "one zero", Data: hexBytes{0}},
			{Name: "two zeros", Data: hexBytes{0, 0}},
			{Name: "a zero inside", Data: hexBytes{0x11, 0x22, 0, 0x33}},
			{Name: "no zero", Data: hexBytes{0x11, 0x22, 0x33, 0x44}},
			{Name: "zeros at the end", Data: hexBytes{0x11, 0, 0, 0}},
			{Name: "253 without a zero", Data: counting(1, 253)},
			{Name: "254 without a zero: no block follows", Data: counting(1, 254)},
			{Name: "255 without a zero", Data: counting(1, 255)},
			{Name: "254 without a zero, then one", Data: append(counting(1, 254), 0)},
			{Name: "zero, then 254 without", Data: counting(0, 254)},
			{Name: "508 without a zero", Data: append(counting(1, 254), counting(1, 254)...)},
		},
		Accepted: []cobsVector{
			{Name: "an empty block after a full one", Data: counting(1, 254), Encoded: append(append(hexBytes{255}, counting(1, 254)...), 1)},
			{Name: "nothing at all", Data: hexBytes{}, Encoded: hexBytes{}},
		},
		Malformed: []cobsVector{
			{Name: "a block that is longer than the rest", Encoded: hexBytes{5, 1, 2, 3}},
			{Name: "a code alone", Encoded: hexBytes{2}},
			{Name: "a second block that is too long", Encoded: hexBytes{2, 1, 3, 1}},
			{Name: "a full block that is cut", Encoded: append(hexBytes{255}, counting(1, 253)...)},
		},
	}
	for i := range made.Valid {
		made.Valid[i].Encoded = link.AppendCOBS(nil, made.Valid[i].Data)
	}
	want := vectors(t, "cobs.json", made)
	assert.Len(t, want.Valid, len(made.Valid))
	for _, v := range want.Valid {
		assert.Equal(t, []byte(v.Encoded), link.AppendCOBS(nil, v.Data), v.Name)
	}
	for _, v := range append(want.Valid, want.Accepted...) {
		got, ok := link.DecodeCOBS(bytes.Clone(v.Encoded))
		assert.True(t, ok, v.Name)
		assert.True(t, bytes.Equal(v.Data, got), v.Name)
	}
	for _, v := range want.Malformed {
		_, ok := link.DecodeCOBS(bytes.Clone(v.Encoded))
		assert.False(t, ok, v.Name)
	}
}

type frameFile struct {
	Valid     []frameVector     `json:"valid"`
	Malformed []malformedVector `json:"malformed"`
}

type frameVector struct {
	Name    string   `json:"name"`
	Type    byte     `json:"type"`
	Credit  byte     `json:"credit"`
	Seq     byte     `json:"seq"`
	Ack     byte     `json:"ack"`
	SID     byte     `json:"sid"`
	Bitmap  *uint16  `json:"bitmap,omitempty"` // if there is one
	Payload hexBytes `json:"payload"`
	Wire    hexBytes `json:"wire"` // both zeros included
}

type malformedVector struct {
	Name string   `json:"name"`
	Wire hexBytes `json:"wire"`
}

func (v *frameVector) frame() link.Frame {
	f := link.Frame{Kind: v.Type, Credit: v.Credit, Seq: v.Seq, Ack: v.Ack, SID: v.SID, Payload: v.Payload}
	if v.Bitmap != nil {
		f.Gaps, f.Bitmap = true, *v.Bitmap
	}
	return f
}

func TestVectorsFrames(t *testing.T) {
	bits := uint16(0x0005)
	made := frameFile{Valid: []frameVector{
		{Name: "SYN, the peer not known", Type: 1, Payload: link.Syn(0x11223344, 0)},
		{Name: "SYN that echoes", Type: 1, Payload: link.Syn(0x55667788, 0x11223344)},
		{Name: "SYNACK", Type: 2, Payload: link.Syn(0x11223344, 0x55667788)},
		{Name: "RST, versions", Type: 3, Payload: hexBytes{0x44, 0x33, 0x22, 0x11, 7, 1}},
		{Name: "DATA, the message hello", Type: 4, Credit: 15, SID: 0x44, Payload: hexBytes("\x05hello")},
		{Name: "DATA, two messages", Type: 4, Credit: 14, Seq: 255, Ack: 7, SID: 0xc4, Payload: hexBytes("\x02hi\x05there")},
		{Name: "DATA, zeros", Type: 4, Credit: 15, SID: 0x44, Payload: append(hexBytes{10}, make([]byte, 10)...)},
		{Name: "DATA of 246 bytes, of a message of 244", Type: 4, Credit: 15, Seq: 1, Ack: 1, SID: 0x44, Payload: append(hexBytes{0xf4, 0x01}, counting(1, 244)...)},
		{Name: "DATA with a bitmap", Type: 4, Credit: 12, Seq: 9, Ack: 3, SID: 0x44, Bitmap: &bits, Payload: hexBytes("\x01x")},
		{Name: "ACK", Type: 5, Credit: 15, Seq: 4, Ack: 3, SID: 0x44},
		{Name: "ACK, 3 is missing, 4 and 6 are there", Type: 5, Credit: 15, Seq: 4, Ack: 3, SID: 0x44, Bitmap: &bits},
		{Name: "PING", Type: 6, Credit: 0, Seq: 200, Ack: 100, SID: 0xc4},
		{Name: "DGRAM", Type: 7, Credit: 15, Seq: 1, Ack: 2, SID: 0x44, Payload: hexBytes("best effort")},
	}}
	for i, v := range made.Valid {
		made.Valid[i].Wire = link.AppendFrame(nil, v.frame())
	}
	damaged := func(i int, change func(hexBytes) hexBytes) hexBytes {
		return change(bytes.Clone(made.Valid[i].Wire))
	}
	made.Malformed = []malformedVector{
		{"a bit is wrong", damaged(4, func(p hexBytes) hexBytes { p[6] ^= 4; return p })},
		{"a byte is missing", damaged(4, func(p hexBytes) hexBytes { return append(p[:4], p[5:]...) })},
		{"a byte too many", damaged(4, func(p hexBytes) hexBytes { return append(p[:8], append(hexBytes{7}, p[8:]...)...) })},
		{"two frames without zeros between them", damaged(9, func(p hexBytes) hexBytes { return append(p[:len(p)-1], p[1:]...) })},
		{"shorter than a header and a CRC", append(append(hexBytes{0}, link.AppendCOBS(nil, []byte{0x5f, 0, 0})...), 0)},
		{"text", hexBytes("\x00boot: 3\r\n\x00")},
	}
	want := vectors(t, "frames.json", made)
	assert.Len(t, want.Valid, len(made.Valid))
	for _, v := range want.Valid {
		assert.Equal(t, []byte(v.Wire), link.AppendFrame(nil, v.frame()), v.Name)
		got, ok := link.ParseFrame(bytes.Trim(bytes.Clone(v.Wire), "\x00"))
		require.True(t, ok, v.Name)
		if len(got.Payload) == 0 {
			got.Payload = v.frame().Payload
		}
		assert.Equal(t, v.frame(), got, v.Name)
	}
	for _, v := range want.Malformed {
		_, ok := link.ParseFrame(bytes.Trim(bytes.Clone(v.Wire), "\x00"))
		assert.False(t, ok, v.Name)
	}
}

type sidVector struct {
	From string `json:"from"`
	To   string `json:"to"`
	SID  byte   `json:"sid"`
}

func TestVectorsSID(t *testing.T) {
	var made []sidVector
	for _, v := range [][2]uint32{{1, 2}, {2, 1}, {0x11223344, 0x55667788}, {0x55667788, 0x11223344}, {0xffffffff, 1}, {0x80000000, 0x7fffffff}} {
		made = append(made, sidVector{fmt.Sprintf("%08x", v[0]), fmt.Sprintf("%08x", v[1]), link.SID(v[0], v[1])})
	}
	for _, v := range vectors(t, "sid.json", made) {
		var from, to uint32
		_, err := fmt.Sscanf(v.From+" "+v.To, "%x %x", &from, &to)
		require.NoError(t, err)
		assert.Equal(t, v.SID, link.SID(from, to))
	}
}

// describe says what a frame is, for the reader of a transcript.
func describe(p []byte) string {
	f, ok := link.ParseFrame(bytes.Trim(bytes.Clone(p), "\x00"))
	if !ok {
		return "damaged"
	}
	name := strings.Split("0 SYN SYNACK RST DATA ACK PING DGRAM", " ")[f.Kind]
	if f.Kind <= 3 {
		return name
	}
	s := fmt.Sprintf("%s seq %d ack %d credit %d", name, f.Seq, f.Ack, f.Credit)
	if f.Gaps {
		s += fmt.Sprintf(" bitmap %04x", f.Bitmap)
	}
	return s
}
