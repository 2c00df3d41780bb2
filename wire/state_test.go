package wire_test

import (
	"strings"
	"testing"

	"github.com/gosig/gosig/wire"
)

var (
	states = []wire.State{wire.Start, wire.Greeted, wire.Asked, wire.Proved, wire.Open, wire.Closing}
	roles  = []wire.Role{wire.RoleClient, wire.RoleServer}
)

// stateTable is protocol.md §5, written by hand and not derived from the
// code: who may send what when. S start, G greeted, A asked, P proved, O open,
// C closing.
var stateTable = map[wire.Type]struct{ client, server string }{
	wire.TypeHello:       {"S", ""},
	wire.TypeWelcome:     {"", "GP"},
	wire.TypeAbort:       {"GAPOC", "SGAPOC"},
	wire.TypeChallenge:   {"", "G"},
	wire.TypeAuth:        {"A", ""},
	wire.TypeConnect:     {"OC", "OC"},
	wire.TypeConnected:   {"", "OC"},
	wire.TypeDisconnect:  {"OC", "OC"},
	wire.TypeSubscribe:   {"OC", ""},
	wire.TypeUnsubscribe: {"OC", ""},
	wire.TypeRefused:     {"", "OC"},
	wire.TypeWant:        {"", "OC"},
	wire.TypeRoute:       {"OC", "OC"},
	wire.TypeEvent:       {"OC", "OC"},
	wire.TypeLost:        {"OC", "OC"},
	wire.TypeCredit:      {"OC", "OC"},
	wire.TypeRequest:     {"OC", "OC"},
	wire.TypeReply:       {"OC", "OC"},
	wire.TypeCancel:      {"OC", "OC"},
	wire.TypePing:        {"OC", "OC"},
	wire.TypePong:        {"OC", "OC"},
	wire.TypeSync:        {"OC", "OC"},
	wire.TypeSynced:      {"OC", "OC"},
	wire.TypeGoodbye:     {"OC", "OC"},
	wire.TypeNodes:       {"OC", "OC"},
	wire.TypeFragment:    {"OC", "OC"},
	wire.TypeNumbered:    {"OC", "OC"},
	wire.TypeLossy:       {"OC", "OC"},
}

// TestEveryPair goes through all states x roles x types, those that do not
// exist included.
func TestEveryPair(t *testing.T) {
	for _, state := range states {
		letter := strings.ToUpper(state.String()[:1])
		for typ := range wire.Type(255) {
			row := stateTable[typ]
			for role, where := range map[wire.Role]string{wire.RoleClient: row.client, wire.RoleServer: row.server} {
				if got, want := wire.Legal(state, role, typ), strings.Contains(where, letter); got != want {
					t.Errorf("%s from the %s in state %s: legal %v, want %v (protocol.md §5)", typ, role, state, got, want)
				}
			}
			for _, role := range []wire.Role{2, 255} {
				if wire.Legal(state, role, typ) {
					t.Errorf("%s from %s in state %s is legal", typ, role, state)
				}
			}
		}
	}
	for typ := range wire.Type(255) {
		if wire.Legal(wire.Closing+1, wire.RoleClient, typ) || wire.Legal(255, wire.RoleServer, typ) {
			t.Errorf("%s is legal in a state that does not exist", typ)
		}
	}
}

// TestStrings: what appears in errors and logs.
func TestStrings(t *testing.T) {
	for got, want := range map[string]string{
		wire.TypeEvent.String():      "EVENT",
		wire.Type(0).String():        "reserved type 0",
		wire.Type(29).String():       "reserved type 29",
		wire.RoleServer.String():     "server",
		wire.Role(7).String():        "role 7",
		wire.Closing.String():        "closing",
		wire.State(9).String():       "state 9",
		wire.CodeName(wire.CodeRing): "ring of routers",
		wire.CodeName(999):           "code 999",
		idDesk.String():              "de5c0000000000000000000000000001",
		(&wire.Error{Code: wire.CodeProtocol, Text: "x"}).Error(): "protocol violation: x",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
