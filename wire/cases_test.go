package wire_test

import (
	"strings"

	"github.com/gosig/gosig/wire"
)

// valid is an envelope and the name of its vector.
type valid struct {
	name string
	env  envelope
}

// malformed is a frame in bytesOf's notation that its envelope's decoder
// refuses, with what it says about it.
type malformed struct {
	name   string
	frame  string
	code   uint16
	reason string
}

// cases holds what the vector files are written from: for each envelope its
// simplest form first, then the ends of the fields' ranges, then what is
// refused.
type cases struct {
	valid     []valid
	malformed []malformed
}

var (
	idDesk   = wire.NodeID{0xde, 0x5c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01}
	idServer = wire.NodeID{0x5e, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02}
	idEdge   = wire.NodeID{0xed, 0x6e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x03}
	token    = wire.Token{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf}
	features = wire.FeatureHeld | wire.FeatureNodes

	name255  = strings.Repeat("n", wire.MaxName)
	text1024 = strings.Repeat("t", wire.MaxText)
	maxU32   = ^uint32(0)
	maxU64   = ^uint64(0)
)

// The beginning and the end of a plain HELLO and of a plain WELCOME, to be
// put around the field that a malformed one is about.
const (
	anID     = "de5c 00*13 01"
	limits   = "808040 8001 9875 8002 808004"
	helloTo  = "01 'gsig' 01 01 00 " + anID + " s'desk' 03 " // before codecs
	helloLim = helloTo + "02 s'json' s'cbor' "               // before limits
	helloTok = helloLim + limits + " "                       // before token
	welcome  = "02 01 " + anID + " s'hub' 03 s'json' "       // before limits
	connect  = "06 01 05 00*8 "                              // before name
)

const cut = "the frame ends within it"

// patternCases are those that SUBSCRIBE and UNSUBSCRIBE share.
func patternCases(t wire.Type, make func(sender, event string) envelope) cases {
	first := map[wire.Type]string{wire.TypeSubscribe: "09 ", wire.TypeUnsubscribe: "0a "}[t]
	return cases{
		valid: []valid{
			{"one sender, one event", make("kitchen", "temp")},
			{"everything", make("**", "**")},
			{"presence of a group", make("plant/*", "#connect")},
			{"longest patterns", make(name255, name255)},
			{"UTF-8 passes here, the layer above refuses it", make("k\u00fcche", "\U0001f321")},
		},
		malformed: []malformed{
			{"no fields", first, 17, t.String() + ": sender pattern: " + cut},
			{"no event pattern", first + "s'kitchen'", 17, t.String() + ": event pattern: " + cut},
			{"empty sender pattern", first + "00 s'temp'", 17, t.String() + ": sender pattern: empty"},
			{"empty event pattern", first + "s'kitchen' 00", 17, t.String() + ": event pattern: empty"},
			{"pattern of 256 bytes", first + "8002 6e*256 s'temp'", 21, t.String() + ": sender pattern: 256 bytes, limit 255"},
			{"length of 2^63", first + "80808080808080808001 6e", 21, t.String() + ": sender pattern: 9223372036854775808 bytes, limit 255"},
			{"length over the frame's end", first + "07 'kitch'", 17, t.String() + ": sender pattern: " + cut},
			{"length not in shortest form", first + "8700 'kitchen' s'temp'", 17, t.String() + ": sender pattern: number not in its shortest form"},
			{"not UTF-8", first + "02 c328 s'temp'", 17, t.String() + ": sender pattern: not valid UTF-8"},
			{"half a surrogate pair", first + "03 eda080 s'temp'", 17, t.String() + ": sender pattern: not valid UTF-8"},
			{"trailing byte", first + "s'kitchen' s'temp' 00", 17, t.String() + ": end: 1 bytes too many"},
		},
	}
}

// withCases adds an envelope's own to those that it shares.
func withCases(shared, own cases) cases {
	return cases{append(shared.valid, own.valid...), append(shared.malformed, own.malformed...)}
}

// endCases are those that ABORT and GOODBYE share.
func endCases(t wire.Type, first string, make func(code uint16, reason string) envelope) cases {
	return cases{
		valid: []valid{
			{"with a reason", make(wire.CodeNoCodec, "you offer cbor, I have json and raw")},
			{"nothing wrong, no reason", make(wire.CodeOK, "")},
			{"code of a newer version, longest reason", make(0xffff, text1024)},
		},
		malformed: []malformed{
			{"no fields", first, 17, t.String() + ": code: " + cut},
			{"no reason", first + "11", 17, t.String() + ": reason: " + cut},
			{"code over 16 bits", first + "808004 00", 17, t.String() + ": code: number 65536 over 16 bits"},
			{"reason of 1025 bytes", first + "11 8108 74*1025", 21, t.String() + ": reason: 1025 bytes, limit 1024"},
			{"reason is not UTF-8", first + "11 01 ff", 17, t.String() + ": reason: not valid UTF-8"},
			{"trailing byte", first + "11 00 00", 17, t.String() + ": end: 1 bytes too many"},
		},
	}
}

// nonceCases are those that PING and PONG share.
func nonceCases(t wire.Type, first string, make func(nonce uint64) envelope) cases {
	return cases{
		valid: []valid{
			{"any nonce", make(0x0102030405060708)},
			{"zero", make(0)},
			{"all bits", make(maxU64)},
		},
		malformed: []malformed{
			{"no nonce", first, 17, t.String() + ": nonce: " + cut},
			{"seven bytes", first + " 01*7", 17, t.String() + ": nonce: " + cut},
			{"nine bytes", first + " 01*9", 17, t.String() + ": end: 1 bytes too many"},
			{"undefined flag", map[string]string{"14": "34", "15": "35"}[first] + " 01*8", 17, t.String() + ": undefined flags 0x20"},
		},
	}
}

// idCases are those that SYNC, SYNCED and CANCEL share.
func idCases(t wire.Type, first string, make func(id uint64) envelope) cases {
	return cases{
		valid: []valid{
			{"small ID", make(1)},
			{"ID of two bytes", make(300)},
			{"greatest ID", make(maxU64)},
		},
		malformed: []malformed{
			{"no ID", first, 17, t.String() + ": ID: " + cut},
			{"ID is cut off", first + " 80", 17, t.String() + ": ID: " + cut},
			{"ID not in shortest form", first + " 8000", 17, t.String() + ": ID: number not in its shortest form"},
			{"ID of 65 bits", first + " ff*9 02", 17, t.String() + ": ID: number over 64 bits"},
			{"ID of eleven bytes", first + " 80*10 01", 17, t.String() + ": ID: number over 64 bits"},
			{"trailing byte", first + " 01 00", 17, t.String() + ": end: 1 bytes too many"},
		},
	}
}

// aNonce is one that nobody would draw.
var aNonce = wire.Nonce{0xd0, 31: 0xdf}

var table = map[wire.Type]cases{
	wire.TypeHello: {
		valid: []valid{
			{"typical", &wire.Hello{
				MinVersion: 1, MaxVersion: 1, ID: idDesk, Name: "desk", Features: features,
				Codecs: []string{"json", "cbor"}, Limits: wire.DefaultLimits,
			}},
			{"least", &wire.Hello{MinVersion: 1, MaxVersion: 1, ID: idDesk, Codecs: []string{"raw"}}},
			{"small device", &wire.Hello{
				MinVersion: 1, MaxVersion: 1, ID: idDesk, Name: "sensor-7", Codecs: []string{"cbor"},
				Limits: wire.Limits{MaxFrame: 512, MaxRequests: 1, KeepaliveMS: 5000, WindowEvents: 1, WindowBytes: 256},
			}},
			{"coming back, with a router behind it", &wire.Hello{
				MinVersion: 1, MaxVersion: 1, ID: idDesk, Name: "desk", Features: features, Codecs: []string{"cbor"},
				Limits: wire.DefaultLimits, Token: token, Nodes: []wire.Node{{ID: idEdge, Name: "edge"}, {ID: idServer}},
			}},
			{"newer peer that still speaks version 1, with features nobody knows", &wire.Hello{
				MinVersion: 1, MaxVersion: 255, ID: idDesk, Features: wire.Features(maxU64), Codecs: []string{"json"},
				Limits: wire.Limits{maxU32, maxU32, maxU32, maxU32, maxU32},
			}},
		},
		malformed: []malformed{
			{"type alone", "01", 17, "HELLO: magic: " + cut},
			{"another protocol", "01 'MQTT' 01 01 00", 17, `HELLO: magic: "MQTT", must be "gsig"`},
			{"no versions", "01 'gsig'", 17, "HELLO: min version: " + cut},
			{"versions from zero", "01 'gsig' 00 01 00", 17, "HELLO: versions: 0 to 1 are not a range"},
			{"versions the wrong way round", "01 'gsig' 02 01 00", 17, "HELLO: versions: 2 to 1 are not a range"},
			{"only newer versions, in a layout of their own", "01 'gsig' 02 03 ff ff", 18, "HELLO: versions: you speak 2 to 3, I speak 1 to 1"},
			{"reserved role", "01 'gsig' 01 01 01 " + anID, 17, "HELLO: role: 1 is reserved"},
			{"node ID is cut off", "01 'gsig' 01 01 00 01*15", 17, "HELLO: node ID: " + cut},
			{"node ID is zero", "01 'gsig' 01 01 00 00*16 s'desk'", 17, "HELLO: node ID: zero"},
			{"node name of 256 bytes", "01 'gsig' 01 01 00 " + anID + " 8002 6e*256", 21, "HELLO: node name: 256 bytes, limit 255"},
			{"more codecs than the frame has room for", helloTo + "20 s'json'", 17, "HELLO: codecs: the frame is too short for 32 elements"},
			{"more codecs than any list may have", helloTo + "8120", 21, "HELLO: codecs: 4097 elements, limit 4096"},
			{"2^64-1 codecs", helloTo + "ff*9 01", 21, "HELLO: codecs: 18446744073709551615 elements, limit 4096"},
			{"empty codec", helloTo + "01 00 00", 17, "HELLO: codecs: empty"},
			{"largest frame below the least", helloLim + "ff03 8001 9875 8002 808004 00 00", 12, "HELLO: max frame: 511 bytes, at least 512"},
			{"limit over 32 bits", helloLim + "8080808010 8001 9875 8002 808004 00 00", 17, "HELLO: max frame: number 4294967296 over 32 bits"},
			{"limits are cut off", helloLim + "808040 8001", 17, "HELLO: keepalive: " + cut},
			{"token of one byte", helloTok + "01 a0 00", 17, "HELLO: token: 1 bytes, must be 0 or 16"},
			{"token is zero", helloTok + "10 00*16 00", 17, "HELLO: token: zero"},
			{"token is cut off", helloTok + "10 a0*15", 17, "HELLO: token: " + cut},
			{"more nodes than the frame has room for", helloTok + "00 02 " + anID + " 00", 17, "HELLO: nodes: the frame is too short for 2 elements"},
			{"a node's ID is zero", helloTok + "00 01 00*16 00", 17, "HELLO: nodes: zero"},
			{"trailing byte", helloTok + "00 00 00", 17, "HELLO: end: 1 bytes too many"},
			{"undefined flag", "21 'gsig' 01 01 00", 17, "HELLO: undefined flags 0x20"},
		},
	},
	wire.TypeWelcome: {
		valid: []valid{
			{"typical", &wire.Welcome{
				Version: 1, ID: idServer, Name: "hub", Features: features, Codec: "json",
				Limits: wire.DefaultLimits, Token: token,
			}},
			{"least", &wire.Welcome{Version: 1, ID: idServer, Codec: "raw"}},
			{"with routers behind it and an identity", &wire.Welcome{
				Version: 1, ID: idServer, Name: "hub", Features: features, Codec: "cbor", Limits: wire.DefaultLimits,
				Token: token, Nodes: []wire.Node{{ID: idEdge, Name: "edge"}}, Identity: "sig:plant/desk",
			}},
		},
		malformed: []malformed{
			{"type alone", "02", 17, "WELCOME: version: " + cut},
			{"version nobody asked for", "02 02 " + anID, 18, "WELCOME: version: 2, I speak 1 to 1"},
			{"version zero", "02 00 " + anID, 18, "WELCOME: version: 0, I speak 1 to 1"},
			{"node ID is zero", "02 01 00*16", 17, "WELCOME: node ID: zero"},
			{"empty codec", "02 01 " + anID + " 00 00 00", 17, "WELCOME: codec: empty"},
			{"token of 17 bytes", welcome + limits + " 11 a0*17 00 00", 17, "WELCOME: token: 17 bytes, must be 0 or 16"},
			{"identity of 1025 bytes", welcome + limits + " 00 00 8108 74*1025", 21, "WELCOME: identity: 1025 bytes, limit 1024"},
			{"no identity", welcome + limits + " 00 00", 17, "WELCOME: identity: " + cut},
			{"trailing byte", welcome + limits + " 00 00 00 00", 17, "WELCOME: end: 1 bytes too many"},
		},
	},
	wire.TypeAbort: endCases(wire.TypeAbort, "03 ", func(c uint16, r string) envelope { return &wire.Abort{Code: c, Reason: r} }),
	wire.TypeChallenge: {
		valid: []valid{
			{"two methods, bound to the channel", &wire.Challenge{ID: idServer, Methods: []string{"ed25519", "token"}, Binding: wire.BindingExporter, Nonce: aNonce}},
			{"one method", &wire.Challenge{ID: idServer, Methods: []string{"token"}, Binding: wire.BindingNone, Nonce: aNonce}},
			{"a binding and a method of a newer version", &wire.Challenge{ID: idServer, Methods: []string{"new"}, Binding: "newer", Nonce: aNonce}},
		},
		malformed: []malformed{
			{"no fields", "04", 17, "CHALLENGE: node ID: " + cut},
			{"node ID is zero", "04 00*16", 17, "CHALLENGE: node ID: zero"},
			{"no methods", "04 " + anID + " 00 s'none' 00*32", 17, "CHALLENGE: methods: none"},
			{"empty method", "04 " + anID + " 01 00 s'none' 00*32", 17, "CHALLENGE: methods: empty"},
			{"more methods than the frame has room for", "04 " + anID + " 30 s'token' s'none' 00*32", 17, "CHALLENGE: methods: the frame is too short for 48 elements"},
			{"empty binding", "04 " + anID + " 01 s'token' 00 00*32", 17, "CHALLENGE: binding: empty"},
			{"nonce of 31 bytes", "04 " + anID + " 01 s'token' s'none' 00*31", 17, "CHALLENGE: nonce: " + cut},
			{"nonce of 33 bytes", "04 " + anID + " 01 s'token' s'none' 00*33", 17, "CHALLENGE: end: 1 bytes too many"},
			{"undefined flag", "24", 17, "CHALLENGE: undefined flags 0x20"},
		},
	},
	wire.TypeAuth: {
		valid: []valid{
			{"with a proof", &wire.Auth{Method: "token", Proof: []byte{1, 2, 3}}},
			{"without a proof", &wire.Auth{Method: "token", Proof: []byte{}}},
		},
		malformed: []malformed{
			{"no fields", "05", 17, "AUTH: method: " + cut},
			{"empty method", "05 00 01", 17, "AUTH: method: empty"},
			{"undefined flag", "25 s'token'", 17, "AUTH: undefined flags 0x20"},
		},
	},
	wire.TypeConnect: {
		valid: []valid{
			{"two events and a request", &wire.Connect{
				Sender: 1, Route: 5, Epoch: 0x1122334455667788, Name: "kitchen",
				Events: []string{"temp", "humidity"}, Requests: []string{"set"},
			}},
			{"fresh", &wire.Connect{Sender: 3, Route: 8, Epoch: 2, Name: "bath", Events: []string{"temp"}, Fresh: true}},
			{"hidden", &wire.Connect{Sender: 3, Route: 8, Epoch: 2, Name: "bath", Events: []string{"~0", "temp"}, Hidden: true}},
			{"nothing but a default handler", &wire.Connect{Sender: 2, Route: 7, Epoch: 1, Name: "any", Default: true}},
			{"greatest numbers", &wire.Connect{Sender: maxU32, Route: maxU32, Epoch: maxU64, Name: name255, Events: []string{"e"}}},
		},
		malformed: []malformed{
			{"type alone", "06", 17, "CONNECT: sender: " + cut},
			{"sender over 32 bits", "06 8080808010 05 00*8 s'k' 00 00", 17, "CONNECT: sender: number 4294967296 over 32 bits"},
			{"route over 32 bits", "06 01 8080808010 00*8 s'k' 00 00", 17, "CONNECT: route: number 4294967296 over 32 bits"},
			{"the last route over 32 bits", "06 01 ffffffff0f 00*8 s'k' 02 s'a' s'b' 00", 17, "CONNECT: route: 4294967295 and 2 events are over 32 bits"},
			{"epoch is cut off", "06 01 05 00*7", 17, "CONNECT: epoch: " + cut},
			{"empty name", connect + "00 00 00", 17, "CONNECT: name: empty"},
			{"empty event", connect + "s'k' 01 00 00", 17, "CONNECT: events: empty"},
			{"event of 256 bytes", connect + "s'k' 01 8002 6e*256 00", 21, "CONNECT: events: 256 bytes, limit 255"},
			{"more events than the frame has room for", connect + "s'k' 03 s'a' s'b' 00", 17, "CONNECT: events: the frame is too short for 3 elements"},
			{"more events than any list may have", connect + "s'k' 8120 s'a'*4097 00", 21, "CONNECT: events: 4097 elements, limit 4096"},
			{"no requests", connect + "s'k' 01 s'a'", 17, "CONNECT: requests: " + cut},
			{"trailing byte", connect + "s'k' 00 00 00", 17, "CONNECT: end: 1 bytes too many"},
		},
	},
	wire.TypeConnected: {
		valid: []valid{
			{"accepted, both events wanted", &wire.Connected{Sender: 1, Wanted: []uint32{0, 1}}},
			{"accepted, nothing wanted", &wire.Connected{Sender: 1}},
			{"refused", &wire.Connected{Sender: 1, Code: wire.CodeNameTaken, Text: `"kitchen" belongs to another node`}},
		},
		malformed: []malformed{
			{"type alone", "07", 17, "CONNECTED: sender: " + cut},
			{"no list", "07 01 00 00", 17, "CONNECTED: wanted: " + cut},
			{"more than the frame has room for", "07 01 00 00 02 00", 17, "CONNECTED: wanted: the frame is too short for 2 elements"},
			{"index over 32 bits", "07 01 00 00 01 8080808010", 17, "CONNECTED: wanted: number 4294967296 over 32 bits"},
			{"trailing byte", "07 01 00 00 01 00 00", 17, "CONNECTED: end: 1 bytes too many"},
		},
	},
	wire.TypeDisconnect: {
		valid: []valid{
			{"of its own accord", &wire.Disconnect{Sender: 1, Reason: "done"}},
			{"the server ends a client's sender", &wire.Disconnect{Sender: 1, Code: wire.CodeNameTaken, Reason: "taken over", Yours: true}},
			{"connection lost further on", &wire.Disconnect{Sender: 300, Code: wire.CodeConnectionLost}},
		},
		malformed: []malformed{
			{"type alone", "08", 17, "DISCONNECT: sender: " + cut},
			{"no reason", "08 01 00", 17, "DISCONNECT: reason: " + cut},
			{"sender not in shortest form", "08 8100 00 00", 17, "DISCONNECT: sender: number not in its shortest form"},
			{"undefined flag", "88 01 00 00", 17, "DISCONNECT: undefined flags 0x80"},
		},
	},
	wire.TypeSubscribe: withCases(patternCases(wire.TypeSubscribe, func(s, e string) envelope { return &wire.Subscribe{Sender: s, Event: e} }), cases{
		valid: []valid{
			{"may be lost", &wire.Subscribe{Sender: "kitchen", Event: "temp", Lossy: true}},
		},
		malformed: []malformed{
			{"undefined flag", "29 s'kitchen' s'temp'", 17, "SUBSCRIBE: undefined flags 0x20"},
		},
	}),
	wire.TypeUnsubscribe: patternCases(wire.TypeUnsubscribe, func(s, e string) envelope { return &wire.Unsubscribe{Sender: s, Event: e} }),
	wire.TypeRefused: {
		valid: []valid{
			{"denied", &wire.Refused{About: wire.TypeSubscribe, Sender: "**", Event: "admin/*", Code: wire.CodeDenied, Text: "rule 3"}},
			{"over a limit", &wire.Refused{About: wire.TypeSubscribe, Sender: "a", Event: "b", Code: wire.CodeLimit, Text: "1024 subscriptions"}},
		},
		malformed: []malformed{
			{"type alone", "0b", 17, "REFUSED: about: " + cut},
			{"about something that can not be refused", "0b 0e s'a' s'b' 06 00", 17, "REFUSED: about: EVENT can not be refused"},
			{"about a reserved type", "0b ff s'a' s'b' 06 00", 17, "REFUSED: about: reserved type 255 can not be refused"},
			{"no text", "0b 09 s'a' s'b' 06", 17, "REFUSED: text: " + cut},
		},
	},
	wire.TypeWant: {
		valid: []valid{
			{"wanted", &wire.Want{Route: 5, On: true, Turn: 3}},
			{"no longer wanted", &wire.Want{Route: 5}},
			{"route of two bytes", &wire.Want{Route: 300, On: true}},
			{"wanted, and may be lost", &wire.Want{Route: 5, On: true, Lossy: true, Turn: 3}},
		},
		malformed: []malformed{
			{"type alone", "0c", 17, "WANT: route: " + cut},
			{"no turn", "2c 05", 17, "WANT: turn: " + cut},
			{"trailing byte", "2c 05 01 00", 17, "WANT: end: 1 bytes too many"},
			{"turn where nothing is wanted", "0c 05 01", 17, "WANT: end: 1 bytes too many"},
			{"lossy, and no turn", "6c 05", 17, "WANT: turn: " + cut},
			{"lossy, and not wanted", "4c 05", 17, "WANT: lossy: nothing is wanted"},
			{"undefined flag", "8c 05", 17, "WANT: undefined flags 0x80"},
		},
	},
	wire.TypeRoute: {
		valid: []valid{
			{"from the first event on", &wire.Route{Route: 5, Seq: 1, Begin: true}},
			{"after a gap", &wire.Route{Route: 5, Seq: 1000}},
			{"answer to a WANT", &wire.Route{Route: 5, Seq: 1001, Begin: true, Turn: 3}},
			{"greatest numbers", &wire.Route{Route: maxU32, Seq: maxU64}},
			{"a period begins", &wire.Route{Route: 5, Seq: 1002, Period: 1}},
			{"a period begins, in answer to a WANT", &wire.Route{Route: 5, Seq: 1003, Begin: true, Turn: 4, Period: 2}},
		},
		malformed: []malformed{
			{"type alone", "0d", 17, "ROUTE: route: " + cut},
			{"no seq", "0d 05", 17, "ROUTE: seq: " + cut},
			{"no turn", "2d 05 01", 17, "ROUTE: turn: " + cut},
			{"seq is zero", "0d 05 00", 17, "ROUTE: seq: zero, numbering begins at 1"},
			{"no period", "4d 05 01", 17, "ROUTE: period: " + cut},
			{"period is zero", "4d 05 01 00", 17, "ROUTE: period: zero, periods begin at 1"},
			{"turn and no period", "6d 05 01 03", 17, "ROUTE: period: " + cut},
			{"undefined flag", "8d 05 01", 17, "ROUTE: undefined flags 0x80"},
			{"trailing byte", "0d 05 01 00", 17, "ROUTE: end: 1 bytes too many"},
		},
	},
	wire.TypeEvent: {
		valid: []valid{
			{"JSON number", &event{Route: 5, Payload: []byte("21.5")}},
			{"held back", &event{Held: true, Route: 5, Payload: []byte("21.5")}},
			{"empty payload", &event{Route: 0, Payload: []byte{}}},
			{"last route of one byte", &event{Route: 127, Payload: []byte{0xff}}},
			{"first route of two bytes", &event{Route: 128, Payload: []byte{0xff}}},
			{"greatest route", &event{Route: maxU32, Payload: []byte{0}}},
		},
		malformed: []malformed{
			{"type alone", "0e", 17, "EVENT: route: " + cut},
			{"route is cut off", "0e 80", 17, "EVENT: route: " + cut},
			{"route not in shortest form", "0e 8500 '21.5'", 17, "EVENT: route: number not in its shortest form"},
			{"route over 32 bits", "0e 8080808010 '21.5'", 17, "EVENT: route: number 4294967296 over 32 bits"},
			{"route over 64 bits", "0e ff*9 7f '21.5'", 17, "EVENT: route: number over 64 bits"},
			{"undefined flag", "4e 05 '21.5'", 17, "EVENT: undefined flags 0x40"},
			{"held and an undefined flag", "ae 05 '21.5'", 17, "EVENT: undefined flags 0x80"},
		},
	},
	wire.TypeLost: {
		valid: []valid{
			{"three, slow peer", &wire.Lost{Route: 5, Count: 3, Reason: wire.LossSlowPeer}},
			{"nobody knows how many", &wire.Lost{Route: 5, Reason: wire.LossConnection}},
			{"reason of a newer version", &wire.Lost{Route: maxU32, Count: maxU64, Reason: 255}},
		},
		malformed: []malformed{
			{"type alone", "0f", 17, "LOST: route: " + cut},
			{"no reason", "0f 05 03", 17, "LOST: reason: " + cut},
			{"reason is zero", "0f 05 03 00", 17, "LOST: reason: zero"},
			{"trailing byte", "0f 05 03 02 00", 17, "LOST: end: 1 bytes too many"},
		},
	},
	wire.TypeCredit: {
		valid: []valid{
			{"one", &wire.Credit{Route: 5, Count: 1}},
			{"greatest numbers", &wire.Credit{Route: maxU32, Count: maxU32}},
		},
		malformed: []malformed{
			{"type alone", "10", 17, "CREDIT: route: " + cut},
			{"count is zero", "10 05 00", 17, "CREDIT: count: zero"},
			{"count over 32 bits", "10 05 8080808010", 17, "CREDIT: count: number 4294967296 over 32 bits"},
			{"trailing byte", "10 05 01 00", 17, "CREDIT: end: 1 bytes too many"},
		},
	},
	wire.TypeRequest: {
		valid: []valid{
			{"with a deadline", &wire.Request{ID: 1, Sender: 1, TimeoutMS: 2000, Method: "set", Payload: []byte(`{"to":19}`)}},
			{"no deadline, empty payload", &wire.Request{ID: 2, Sender: 1, Method: "get", Payload: []byte{}}},
			{"greatest numbers", &wire.Request{ID: maxU64, Sender: maxU32, TimeoutMS: maxU64, Method: name255, Payload: []byte{0}}},
		},
		malformed: []malformed{
			{"type alone", "11", 17, "REQUEST: ID: " + cut},
			{"no method", "11 01 01 00", 17, "REQUEST: method: " + cut},
			{"empty method", "11 01 01 00 00 '19'", 17, "REQUEST: method: empty"},
			{"method of 256 bytes", "11 01 01 00 8002 6e*256", 21, "REQUEST: method: 256 bytes, limit 255"},
			{"sender over 32 bits", "11 01 8080808010 00 s'set'", 17, "REQUEST: sender: number 4294967296 over 32 bits"},
		},
	},
	wire.TypeReply: {
		valid: []valid{
			{"answer", &wire.Reply{ID: 1, Payload: []byte("true")}},
			{"empty answer", &wire.Reply{ID: 1, Payload: []byte{}}},
			{"handler failed", &wire.Reply{ID: 1, Code: wire.CodeHandler, App: -7, Text: "oven is locked"}},
			{"no such method", &wire.Reply{ID: 300, Code: wire.CodeNoMethod, Text: `"kitchen" has no "bake"`}},
			{"least of the handler's codes", &wire.Reply{ID: 1, Code: wire.CodeHandler, App: -1 << 63}},
			{"greatest of the handler's codes", &wire.Reply{ID: 1, Code: wire.CodeHandler, App: 1<<63 - 1, Text: text1024}},
		},
		malformed: []malformed{
			{"type alone", "12", 17, "REPLY: ID: " + cut},
			{"no code", "12 01", 17, "REPLY: code: " + cut},
			{"code over 16 bits", "12 01 808004 00 00", 17, "REPLY: code: number 65536 over 16 bits"},
			{"an error without its fields", "12 01 03", 17, "REPLY: app: " + cut},
			{"an error without text", "12 01 03 00", 17, "REPLY: text: " + cut},
			{"trailing byte after an error", "12 01 03 00 00 00", 17, "REPLY: end: 1 bytes too many"},
		},
	},
	wire.TypeCancel:  idCases(wire.TypeCancel, "13", func(id uint64) envelope { return &wire.Cancel{ID: id} }),
	wire.TypePing:    nonceCases(wire.TypePing, "14", func(n uint64) envelope { return &wire.Ping{Nonce: n} }),
	wire.TypePong:    nonceCases(wire.TypePong, "15", func(n uint64) envelope { return &wire.Pong{Nonce: n} }),
	wire.TypeSync:    idCases(wire.TypeSync, "16", func(id uint64) envelope { return &wire.Sync{ID: id} }),
	wire.TypeSynced:  idCases(wire.TypeSynced, "17", func(id uint64) envelope { return &wire.Synced{ID: id} }),
	wire.TypeGoodbye: endCases(wire.TypeGoodbye, "18 ", func(c uint16, r string) envelope { return &wire.Goodbye{Code: c, Reason: r} }),
	wire.TypeNodes: {
		valid: []valid{
			{"one came, one went", &wire.Nodes{Added: []wire.Node{{ID: idEdge, Name: "edge"}}, Removed: []wire.NodeID{idDesk}}},
			{"nothing", &wire.Nodes{}},
		},
		malformed: []malformed{
			{"type alone", "19", 17, "NODES: added: " + cut},
			{"no list of removed", "19 00", 17, "NODES: removed: " + cut},
			{"more than the frame has room for", "19 00 02 " + anID, 17, "NODES: removed: the frame is too short for 2 elements"},
			{"removed ID is zero", "19 00 01 00*16", 17, "NODES: removed: zero"},
			{"a name is cut off", "19 01 " + anID + " 05 'ed'", 17, "NODES: added: " + cut},
			{"trailing byte", "19 00 00 00", 17, "NODES: end: 1 bytes too many"},
		},
	},
	wire.TypeFragment: {
		valid: []valid{
			{"the last piece", &wire.Fragment{Data: []byte("1.5")}},
			{"an EVENT begins", &wire.Fragment{More: true, Data: []byte{0x0e, 0x05, '2'}}},
		},
		malformed: []malformed{
			{"type alone", "1a", 17, "FRAGMENT: data: empty"},
			{"nothing, and more to come", "3a", 17, "FRAGMENT: data: empty"},
			{"undefined flag", "5a 31", 17, "FRAGMENT: undefined flags 0x40"},
		},
	},
	wire.TypeNumbered: {
		valid: []valid{
			{"JSON number", &wire.Numbered{Route: 5, Seq: 17, Payload: []byte("21.5")}},
			{"held back, empty", &wire.Numbered{Route: maxU32, Seq: maxU64, Held: true, Payload: []byte{}}},
			{"of a period", &wire.Numbered{Route: 5, Seq: 17, Period: 1, Payload: []byte("21.5")}},
			{"of a period, held back", &wire.Numbered{Route: 5, Seq: 17, Held: true, Period: maxU32, Payload: []byte{}}},
		},
		malformed: []malformed{
			{"type alone", "1b", 17, "NUMBERED: route: " + cut},
			{"no number", "1b 05", 17, "NUMBERED: seq: " + cut},
			{"number zero", "1b 05 00", 17, "NUMBERED: seq: zero, numbering begins at 1"},
			{"number over 64 bits", "1b 05 ffffffffffffffffff02", 17, "NUMBERED: seq: number over 64 bits"},
			{"no period", "5b 05 01", 17, "NUMBERED: period: " + cut},
			{"period is zero", "5b 05 01 00", 17, "NUMBERED: period: zero, periods begin at 1"},
			{"period of 33 bits", "5b 05 01 8080808010", 17, "NUMBERED: period: number 4294967296 over 32 bits"},
			{"undefined flag", "9b 05 01", 17, "NUMBERED: undefined flags 0x80"},
		},
	},
	wire.TypeLossy: {
		valid: []valid{
			{"the first and the third event", &wire.Lossy{Events: []uint32{0, 2}}},
		},
		malformed: []malformed{
			{"type alone", "1c", 17, "LOSSY: events: " + cut},
			{"none", "1c 00", 17, "LOSSY: events: none"},
			{"more than the frame has room for", "1c 03 00 01", 17, "LOSSY: events: the frame is too short for 3 elements"},
			{"twice the same", "1c 02 01 01", 17, "LOSSY: events: 1 after 1"},
			{"going down", "1c 02 01 00", 17, "LOSSY: events: 0 after 1"},
			{"trailing byte", "1c 01 00 00", 17, "LOSSY: end: 1 bytes too many"},
		},
	},
}
