package ctest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/sig"
)

// envelopes are those that a client without features sends or receives, with their
// fields in the order of the frame.
var envelopes = map[string]string{
	"welcome":     "version id name features codec max_frame max_requests keepalive_ms window_events window_bytes token",
	"abort":       "code reason",
	"challenge":   "id methods",
	"auth":        "method proof",
	"connect":     "sender route epoch name events requests",
	"connected":   "sender code text wanted",
	"disconnect":  "sender code reason",
	"subscribe":   "sender event",
	"unsubscribe": "sender event",
	"refused":     "about sender event code text",
	"want":        "route turn",
	"route":       "route seq turn",
	"event":       "route payload",
	"lost":        "route count reason",
	"request":     "id sender timeout_ms method payload",
	"reply":       "id code payload app text",
	"cancel":      "id",
	"ping":        "nonce",
	"pong":        "nonce",
	"sync":        "id",
	"synced":      "id",
	"goodbye":     "code reason",
}

// sent are those of them that a device sends, so that encoding must give the bytes
// back.
const sent = " abort auth connect disconnect subscribe unsubscribe route event request reply cancel ping pong sync synced goodbye "

type envelopeFile struct {
	Valid []struct {
		Name, Hex string
		Fields    map[string]any
	}
	Malformed []struct {
		Name, Hex, Reason string
		Code              int
	}
}

func checkEnvelopes(t *testing.T, x *tool) {
	for name, fields := range envelopes {
		t.Run(name, func(t *testing.T) {
			var file envelopeFile
			vectors(t, &file, "wire", "testdata", "vectors", name+".json")
			require.NotEmpty(t, file.Valid)
			require.NotEmpty(t, file.Malformed)
			for _, v := range file.Valid {
				if ofFeature(v.Name, v.Fields) {
					continue
				}
				got, encoded, ok := strings.Cut(x.ask("decode %s", v.Hex), " = ")
				require.True(t, ok, "%s: %s", v.Name, got)
				if name == "welcome" || name == "challenge" { // of which it does not look at the end
					got = got[:strings.LastIndex(got, " ")]
				}
				assert.Equal(t, expect(v.Fields, fields), got, v.Name)
				if strings.Contains(sent, " "+name+" ") {
					assert.Equal(t, v.Hex, encoded, v.Name)
				}
			}
			for _, v := range file.Malformed {
				got := x.ask("decode %s", v.Hex)
				if strings.HasPrefix(got, "0 ") && (routersBusiness(v.Reason) || name == "welcome" && v.Name == "trailing byte") {
					continue
				}
				code, err := strconv.Atoi(got)
				require.NoError(t, err, "%s: %s", v.Name, got)
				assert.NotZero(t, code, v.Name)
				if !routersBusiness(v.Reason) {
					assert.Equal(t, v.Code, code, v.Name)
				}
			}
		})
	}
}

// ofFeature reports whether a frame is of a feature that a device does not offer.
func ofFeature(name string, fields map[string]any) bool {
	period, _ := fields["period"].(float64)
	return fields["held"] == true || fields["hidden"] == true || fields["lossy"] == true || period > 0 || strings.Contains(name, "hidden")
}

// routersBusiness are violations that a device does not look for: they cannot harm
// it. See gosig_wire.c.
func routersBusiness(reason string) bool {
	for _, s := range []string{
		"not valid UTF-8", "node ID: zero", "nodes", "identity", "token: zero", "WELCOME: version", "max frame", "CHALLENGE: binding", "CHALLENGE: nonce", "CHALLENGE: end", "methods: none", "is reserved", "REFUSED: about",
	} {
		if strings.Contains(reason, s) {
			return true
		}
	}
	return false
}

// expect writes a vector's fields as the tool does.
func expect(fields map[string]any, order string) string {
	out := []string{"0"}
	for _, key := range strings.Fields(order) {
		v, ok := fields[key]
		if limits, in := fields["limits"].(map[string]any); in && !ok {
			v = limits[key]
		}
		switch {
		case key == "turn" && fields["on"] == false, key == "turn" && fields["begin"] == false:
			continue
		case key == "payload" && fields["code"] != nil && fields["code"] != 0.0:
			continue
		case (key == "app" || key == "text") && fields["payload"] != nil && fields["code"] == 0.0:
			continue
		}
		out = append(out, field(key, v))
	}
	return strings.Join(out, " ")
}

func field(key string, v any) string {
	switch v := v.(type) {
	case float64:
		return fmt.Sprint(uint64(v))
	case []any:
		return list(v)
	case string:
		return text(key, v)
	}
	return fmt.Sprint(v)
}

func list(elements []any) string {
	s := ""
	for _, e := range elements {
		switch e := e.(type) {
		case float64:
			s += fmt.Sprintf("%d,", uint64(e))
		case string:
			s += fmt.Sprintf("%x,", e)
		case map[string]any: // a node, as it is in the frame
			name, _ := e["name"].(string)
			s += fmt.Sprintf("%s%02x%x", e["id"], len(name), name)
		}
	}
	return "[" + s + "]"
}

// text is a field that JSON has as a string: a large number, bytes, or text.
func text(key, v string) string {
	switch key {
	case "epoch", "nonce":
		n, _ := strconv.ParseUint(v, 10, 64)
		return fmt.Sprintf("%016x", n)
	case "app": // as it crosses the line: -1 is 1, 1 is 2
		n, _ := strconv.ParseInt(v, 10, 64)
		return fmt.Sprint(uint64(n<<1 ^ n>>63))
	case "payload", "proof":
		return dash(v)
	case "id", "token":
		if _, err := strconv.ParseUint(v, 10, 64); key == "id" && err == nil && len(v) < 32 {
			return v
		}
		if strings.Trim(v, "0") == "" {
			return "-"
		}
		return v
	}
	if n, err := strconv.ParseUint(v, 10, 64); err == nil {
		return fmt.Sprint(n)
	}
	return dash(fmt.Sprintf("%x", v))
}

// checkPatterns compares the matcher with that of package sig.
func checkPatterns(t *testing.T, x *tool) {
	rng := rand.New(rand.NewPCG(1, 2))
	segments := []string{"a", "b", "*", "**"}
	pick := func(kinds, most int) string {
		parts := make([]string, 1+rng.IntN(most))
		for i := range parts {
			parts[i] = segments[rng.IntN(kinds)]
		}
		return strings.Join(parts, "/")
	}
	matched := 0
	for range 3000 {
		pattern, name := pick(4, 5), pick(2, 6)
		want := sig.MatchName(sig.Name(pattern), sig.Name(name))
		require.Equal(t, map[bool]string{true: "1", false: "0"}[want], x.ask("match %s %s", pattern, name), "%s %s", pattern, name)
		if want {
			matched++
		}
	}
	require.Greater(t, matched, 300)
	for _, row := range [][3]string{{"**", "#connect", "1"}, {"*", "#connect", "0"}, {"#connect", "#connect", "1"}, {"**/x", "#connect", "0"}} {
		assert.Equal(t, row[2], x.ask("match %s %s", row[0], row[1]), row)
	}
}
