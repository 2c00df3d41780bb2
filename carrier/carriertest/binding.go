package carriertest

import (
	"bytes"

	"github.com/gosig/gosig/carrier"
)

var bindingCases = []listenerCase{
	{
		"channel_binding", "after the handshake both ends have the same channel binding or none, no other connection has it, and one that is secured has one",
		func(k *kit, s Subject) {
			ln := s.listen(k)
			first := k.binding(s.connect(k, ln))
			second := k.binding(s.connect(k, ln))
			k.check(first == nil || !bytes.Equal(first, second), "two connections with the same channel binding", "one of its own for each")
		},
	},
}

// binding returns the channel binding that both ends have.
func (k *kit) binding(a, b carrier.Conn) []byte {
	k.Helper()
	x, hasX := carrier.ChannelBindingOf(a)
	y, hasY := carrier.ChannelBindingOf(b)
	k.check(hasX == hasY && bytes.Equal(x, y), sprintf("one end has %x, the other %x", x, y), "the same")
	_, secured := carrier.SecurityOf(a)
	k.check(hasX || !secured, "a connection with an agreed cipher and no channel binding", "one")
	return x
}
