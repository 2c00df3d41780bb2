package peer

import (
	"crypto/tls"
	"fmt"
	"net"
)

// Media that [Env.Carrier] may name, beside "" for TCP.
const (
	OverQUIC = "quic"
	OverDTLS = "dtls"
	OverWS   = "ws"
)

// listen opens a listener of the standard library, or one of a bare library
// for the medium,.
func listen(env Env) (net.Listener, error) {
	switch env.Carrier {
	case "":
	case OverQUIC:
		return listenQUIC(env)
	case OverDTLS:
		return listenSCTP()
	default:
		return nil, errNoCarrier(env)
	}
	config, err := env.serverTLS()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil || config == nil {
		return l, err
	}
	return tls.NewListener(l, config), nil
}

// dial opens a connection to a listener of listen.
func dial(env Env) (net.Conn, error) {
	switch env.Carrier {
	case "":
	case OverQUIC:
		return dialQUIC(env)
	case OverDTLS:
		return dialSCTP(env)
	default:
		return nil, errNoCarrier(env)
	}
	config, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	if config != nil {
		return tls.Dial("tcp", env.Address, config)
	}
	return net.Dial("tcp", env.Address)
}

func errNoCarrier(env Env) error {
	return fmt.Errorf("nothing is compared with gosig over %q but gosig itself", env.Carrier)
}
