package wire

import "encoding/binary"

// Hello is the first envelope of a connection, from the client. Its layout up
// to and including the versions is the same in every version of the protocol.
//
//	+----+---------+-----+-----+------+--------+------+----------+--------+
//	|0x01|"g s i g"| min | max | role | ID 16B | name | features | codecs |..
//	+----+---------+-----+-----+------+--------+------+----------+--------+
//	  +--------------------------------------------------------+-------+-------+
//	..| max frame | requests | keepalive | w. events | w. bytes | token | nodes |
//	  +--------------------------------------------------------+-------+-------+
type Hello struct {
	MinVersion uint8 // oldest version the client speaks
	MaxVersion uint8 // newest version the client speaks
	Role       Role  // RoleClient; RoleServer is reserved
	ID         NodeID
	Name       string   // for people; may be empty
	Features   Features // what the client offers
	Codecs     []string // in order of preference
	Limits     Limits
	Token      Token  // of an earlier WELCOME of this server, or none
	Nodes      []Node // routers that can be reached behind the client
}

// Append appends the envelope to dst.
func (e Hello) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeHello))
	dst = append(dst, Magic...)
	dst = append(dst, e.MinVersion, e.MaxVersion, byte(e.Role))
	dst = appendName(append(dst, e.ID[:]...), e.Name)
	dst = appendUint(dst, uint64(e.Features))
	dst = appendNames(dst, e.Codecs)
	dst = appendLimits(dst, e.Limits)
	dst = appendToken(dst, e.Token)
	return appendNodes(dst, e.Nodes)
}

// Decode reads the envelope from frame. If the client speaks none of this
// package's versions, the error has [CodeVersion], MinVersion and MaxVersion
// are set, and what follows them was not looked at.
func (e *Hello) Decode(frame []byte) error {
	r := open(frame, TypeHello)
	if magic := r.take("magic", len(Magic)); r.err == nil && string(magic) != Magic {
		r.fail(CodeProtocol, "magic", "%q, must be %q", magic, Magic)
	}
	*e = Hello{MinVersion: r.u8("min version"), MaxVersion: r.u8("max version")}
	switch {
	case r.err != nil:
	case e.MinVersion == 0 || e.MinVersion > e.MaxVersion:
		r.fail(CodeProtocol, "versions", "%d to %d are not a range", e.MinVersion, e.MaxVersion)
	case e.MinVersion > Version || e.MaxVersion < MinVersion:
		r.fail(CodeVersion, "versions", "you speak %d to %d, I speak %d to %d", e.MinVersion, e.MaxVersion, MinVersion, Version)
	}
	if e.Role = Role(r.u8("role")); e.Role != RoleClient {
		r.fail(CodeProtocol, "role", "%d is reserved", uint8(e.Role))
	}
	e.ID = r.nodeID("node ID")
	e.Name = r.str("node name", MaxName)
	e.Features = Features(r.uvarint("features"))
	e.Codecs = r.names("codecs")
	e.Limits = r.limits()
	e.Token = r.token()
	e.Nodes = r.nodes("nodes")
	return r.done()
}

// Welcome is the server's answer to a HELLO it accepts: what was chosen, and
// who the server is.
//
//	+----+---------+--------+------+----------+-------+------------+-------+-------+----------+
//	|0x02| version | ID 16B | name | features | codec | 5 x limits | token | nodes | identity |
//	+----+---------+--------+------+----------+-------+------------+-------+-------+----------+
type Welcome struct {
	Version  uint8 // the highest both sides speak
	ID       NodeID
	Name     string   // for people; may be empty
	Features Features // those that both sides offer
	Codec    string   // the first of the client's that the server has
	Limits   Limits   // the minimum of both sides'
	Token    Token    // to be sent in the next HELLO to this server
	Nodes    []Node   // routers that can be reached behind the server
	Identity string   // who the server takes the client for; may be empty
}

// Append appends the envelope to dst.
func (e Welcome) Append(dst []byte) []byte {
	dst = append(dst, byte(TypeWelcome), e.Version)
	dst = appendName(append(dst, e.ID[:]...), e.Name)
	dst = appendUint(dst, uint64(e.Features))
	dst = appendName(dst, e.Codec)
	dst = appendLimits(dst, e.Limits)
	dst = appendToken(dst, e.Token)
	dst = appendNodes(dst, e.Nodes)
	return appendText(dst, e.Identity)
}

// Decode reads the envelope from frame. A version that this package does not
// speak is an error with [CodeVersion].
func (e *Welcome) Decode(frame []byte) error {
	r := open(frame, TypeWelcome)
	*e = Welcome{Version: r.u8("version")}
	if r.err == nil && (e.Version < MinVersion || e.Version > Version) {
		r.fail(CodeVersion, "version", "%d, I speak %d to %d", e.Version, MinVersion, Version)
	}
	e.ID = r.nodeID("node ID")
	e.Name = r.str("node name", MaxName)
	e.Features = Features(r.uvarint("features"))
	e.Codec = r.name("codec")
	e.Limits = r.limits()
	e.Token = r.token()
	e.Nodes = r.nodes("nodes")
	e.Identity = r.text("identity")
	return r.done()
}

// Abort ends a connection at once, with the reason. Nothing follows it.
//
//	+----+------+--------+
//	|0x03| code | reason |
//	+----+------+--------+
type Abort struct {
	Code   uint16
	Reason string
}

// Append appends the envelope to dst.
func (e Abort) Append(dst []byte) []byte { return appendEnd(dst, TypeAbort, e.Code, e.Reason) }

// Decode reads the envelope from frame.
func (e *Abort) Decode(frame []byte) (err error) {
	e.Code, e.Reason, err = decodeEnd(frame, TypeAbort)
	return err
}

// Goodbye ends a connection in order: what was sent before it counts, and the
// other side answers with its own. Its layout is that of [Abort].
type Goodbye struct {
	Code   uint16 // CodeOK, or why this side can not go on
	Reason string
}

// Append appends the envelope to dst.
func (e Goodbye) Append(dst []byte) []byte { return appendEnd(dst, TypeGoodbye, e.Code, e.Reason) }

// Decode reads the envelope from frame.
func (e *Goodbye) Decode(frame []byte) (err error) {
	e.Code, e.Reason, err = decodeEnd(frame, TypeGoodbye)
	return err
}

func appendEnd(dst []byte, t Type, code uint16, reason string) []byte {
	return appendText(binary.AppendUvarint(append(dst, byte(t)), uint64(code)), reason)
}

func decodeEnd(frame []byte, t Type) (code uint16, reason string, err error) {
	r := open(frame, t)
	code = r.code()
	reason = r.text("reason")
	return code, reason, r.done()
}
