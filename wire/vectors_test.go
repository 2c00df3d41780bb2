package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/gosig/gosig/wire"
)

var update = flag.Bool("update", false, "write testdata and the generated parts of docs/protocol.md anew")

// vectorFile is the content of testdata/vectors/<envelope>.json; its README
// explains it to other languages.
type vectorFile struct {
	Envelope  string            `json:"envelope"`
	Type      wire.Type         `json:"type"`
	Valid     []validVector     `json:"valid"`
	Malformed []malformedVector `json:"malformed"`
}

type validVector struct {
	Name   string `json:"name"`
	Hex    string `json:"hex"`
	Fields any    `json:"fields"`
}

type malformedVector struct {
	Name     string `json:"name"`
	Hex      string `json:"hex"`
	Code     uint16 `json:"code"`
	CodeName string `json:"code_name"`
	Reason   string `json:"reason"`
}

func vectorPath(t wire.Type) string {
	return filepath.Join("testdata", "vectors", strings.ToLower(t.String())+".json")
}

// vectorsOf makes a type's file from the table.
func vectorsOf(t wire.Type) vectorFile {
	file := vectorFile{Envelope: t.String(), Type: t}
	for _, c := range table[t].valid {
		file.Valid = append(file.Valid, validVector{c.name, hex.EncodeToString(c.env.Append(nil)), toJSON(reflect.ValueOf(c.env))})
	}
	for _, c := range table[t].malformed {
		frame := hex.EncodeToString(bytesOf(c.frame))
		file.Malformed = append(file.Malformed, malformedVector{c.name, frame, c.code, wire.CodeName(c.code), c.reason})
	}
	return file
}

// readVectors reads a type's file, as another language would.
func readVectors(t testing.TB, typ wire.Type) (file vectorFile) {
	t.Helper()
	readJSON(t, vectorPath(typ), &file)
	return file
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nhint: go test ./wire -run 'TestVectorFiles|TestDocs' -update", err)
	}
	if err := json.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// checkFile compares a generated file with what is stored, or stores it.
func checkFile(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, want, 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the tests generate (%v)\nrule: vectors change only when the protocol does; then run this test with -update", path, err)
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestVectorFiles: the files hold what the table says, and each vector is a
// seed of its envelope's fuzz target.
func TestVectorFiles(t *testing.T) {
	for _, typ := range allTypes() {
		file := vectorsOf(typ)
		checkFile(t, vectorPath(typ), marshal(t, file))
		for i, v := range file.Valid {
			checkSeed(t, typ, fmt.Sprintf("valid-%02d", i), v.Hex)
		}
		for i, v := range file.Malformed {
			checkSeed(t, typ, fmt.Sprintf("malformed-%02d", i), v.Hex)
		}
	}
	checkFile(t, filepath.Join("testdata", "vectors", "constants.json"), marshal(t, constants()))
}

func checkSeed(t *testing.T, typ wire.Type, name, frame string) {
	t.Helper()
	content := fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", must(hex.DecodeString(frame)))
	checkFile(t, filepath.Join("testdata", "fuzz", fuzzName(typ), name), content)
}

func fuzzName(typ wire.Type) string {
	return "Fuzz" + typ.String()[:1] + strings.ToLower(typ.String()[1:])
}

// constants are the numbers that another implementation has to share.
func constants() map[string]any {
	codes, types := map[string]uint16{}, map[string]wire.Type{}
	for code := wire.CodeOK; code <= wire.CodeTooLarge; code++ {
		codes[wire.CodeName(code)] = code
	}
	for _, typ := range allTypes() {
		types[typ.String()] = typ
	}
	return map[string]any{
		"version": wire.Version, "magic": wire.Magic, "types": types, "codes": codes,
		"flags":    map[string]wire.Flags{"CONNECT default": wire.FlagDefault, "CONNECT fresh": wire.FlagFresh, "CONNECT hidden": wire.FlagHidden, "DISCONNECT yours": wire.FlagYours, "SUBSCRIBE lossy": wire.FlagLossy, "WANT on": wire.FlagOn, "WANT lossy": wire.FlagLossy, "ROUTE begin": wire.FlagBegin, "ROUTE period": wire.FlagPeriod, "EVENT held": wire.FlagHeld, "FRAGMENT more": wire.FlagMore, "NUMBERED held": wire.FlagHeld, "NUMBERED period": wire.FlagPeriod},
		"features": map[string]wire.Features{"held": wire.FeatureHeld, "nodes": wire.FeatureNodes, "fragments": wire.FeatureFragments, "datagrams": wire.FeatureDatagrams, "auth": wire.FeatureAuth, "hidden": wire.FeatureHidden, "lossy interest": wire.FeatureLossyInterest},
		"roles":    map[string]wire.Role{"client": wire.RoleClient, "server": wire.RoleServer},
		"loss_reasons": map[string]uint8{
			"queue full": wire.LossQueueFull, "slow peer": wire.LossSlowPeer, "inbound": wire.LossInbound,
			"connection": wire.LossConnection, "bad payload": wire.LossBadPayload, "offline": wire.LossOffline, "reentry": wire.LossReentry, "datagram": wire.LossDatagram,
		},
		"bounds": map[string]int{"name": wire.MaxName, "text": wire.MaxText, "list": wire.MaxList, "least max frame": wire.MinMaxFrame},
		"default_limits": map[string]uint32{
			"max_frame": wire.DefaultLimits.MaxFrame, "max_requests": wire.DefaultLimits.MaxRequests, "keepalive_ms": wire.DefaultLimits.KeepaliveMS,
			"window_events": wire.DefaultLimits.WindowEvents, "window_bytes": wire.DefaultLimits.WindowBytes,
		},
	}
}

// TestValidVectors: a stored frame decodes to the stored fields, and these
// encode to the frame.
func TestValidVectors(t *testing.T) {
	for _, typ := range allTypes() {
		for _, v := range readVectors(t, typ).Valid {
			t.Run(typ.String()+"/"+v.Name, func(t *testing.T) {
				frame := must(hex.DecodeString(v.Hex))
				got, want := newEnvelope(typ), newEnvelope(typ)
				if err := got.Decode(frame); err != nil {
					t.Fatalf("decoding %s: %v", v.Hex, err)
				}
				if err := fromJSON(v.Fields, reflect.ValueOf(want).Elem()); err != nil {
					t.Fatalf("fields: %v", err)
				}
				if !equal(got, want) {
					t.Errorf("decoded\n got %+v\nwant %+v", got, want)
				}
				if again := want.Append([]byte("x")); !bytes.Equal(again[1:], frame) {
					t.Errorf("encoded\n got %x\nwant %s", again[1:], v.Hex)
				}
				checkPrefixes(t, typ, frame)
			})
		}
	}
}

// checkPrefixes: a frame that lost its end is refused, unless what it lost is
// payload; a frame with one byte more as well.
func checkPrefixes(t *testing.T, typ wire.Type, frame []byte) {
	t.Helper()
	whole := newEnvelope(typ)
	if err := whole.Decode(append(bytes.Clone(frame), 0)); (err == nil) != payloadLast(whole) {
		t.Errorf("with one byte more: error %v; rule: a byte after the last field is an error unless the payload is last", err)
	}
	for n := range frame {
		e := newEnvelope(typ)
		if err := e.Decode(frame[:n]); err == nil && !payloadLast(e) {
			t.Errorf("the first %d bytes of %x were taken as %+v", n, frame, e)
		}
	}
}

// equal compares envelopes; that an empty list may be nil makes no difference.
func equal(a, b envelope) bool {
	return reflect.DeepEqual(toJSON(reflect.ValueOf(a)), toJSON(reflect.ValueOf(b)))
}

// TestMalformedVectors: a stored frame is refused with the stored code.
func TestMalformedVectors(t *testing.T) {
	for _, typ := range allTypes() {
		for _, v := range readVectors(t, typ).Malformed {
			t.Run(typ.String()+"/"+v.Name, func(t *testing.T) {
				e := newEnvelope(typ)
				var violation *wire.Error
				if err := e.Decode(must(hex.DecodeString(v.Hex))); !errors.As(err, &violation) {
					t.Fatalf("decoded %s as %+v, error %v; want a violation", v.Hex, e, err)
				}
				if violation.Code != v.Code || violation.Text != v.Reason {
					t.Errorf("got  %d %s\nwant %d %s", violation.Code, violation.Text, v.Code, v.Reason)
				}
			})
		}
	}
}

// TestOtherTypes: no decoder takes another type's frame, or none.
func TestOtherTypes(t *testing.T) {
	for _, typ := range allTypes() {
		for _, other := range allTypes() {
			frame := table[other].valid[0].env.Append(nil)
			if err := newEnvelope(typ).Decode(frame); (err == nil) != (typ == other) {
				t.Errorf("%s decoding a %s: %v", typ, other, err)
			}
		}
		for _, frame := range [][]byte{nil, {}, {0}, {0x1f}, {0xff}} {
			if err := newEnvelope(typ).Decode(frame); err == nil {
				t.Errorf("%s took the frame %x", typ, frame)
			}
		}
	}
}
