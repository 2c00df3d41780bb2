package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
)

// tlsFlags are the settings of tls:// and wss:// addresses.
type tlsFlags struct {
	config.TLS
	serverName string
}

// addClient adds the flags of a client.
func (t *tlsFlags) addClient(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&t.CA, "tls-ca", "", "file with the CA of the router's certificate (default the system's)")
	fs.StringVar(&t.Cert, "tls-cert", "", "file with this client's certificate, for routers that ask for one")
	fs.StringVar(&t.Key, "tls-key", "", "file with the key of --tls-cert")
	fs.StringVar(&t.serverName, "tls-name", "", "name in the router's certificate (default the host of its address)")
}

func (t *tlsFlags) validate() error {
	if (t.Cert == "") != (t.Key == "") {
		return usagef("--tls-cert and --tls-key go together")
	}
	return nil
}

// carriers are those that addresses on the command line may name.
func (t *tlsFlags) carriers(log *slog.Logger) []carrier.Carrier {
	return []carrier.Carrier{
		tcp.New(&tcp.Options{CertFile: t.Cert, KeyFile: t.Key, CAFile: t.CA, ServerName: t.serverName, Logger: log}),
		ws.New(&ws.Options{CertFile: t.Cert, KeyFile: t.Key, CAFile: t.CA, ServerName: t.serverName, Logger: log}),
	}
}

// newCodecs returns the named codecs in the order given, or all.
func newCodecs(names []config.CodecName) ([]codec.Codec, error) {
	if len(names) == 0 {
		names = config.Codecs
	}
	var all []codec.Codec
	for _, n := range names {
		if err := n.Validate(); err != nil {
			return nil, fmt.Errorf("codec: %w", err)
		}
		switch n {
		case "cbor":
			all = append(all, cbor.New())
		case "json":
			all = append(all, json.New())
		case "raw":
			all = append(all, raw.New())
		}
	}
	return all, nil
}

// codecFlag takes names of codecs, also several separated by commas.
func codecFlag(cmd *cobra.Command, to *[]string, what string) {
	cmd.Flags().StringSliceVar(to, "codec", nil, what)
	var words []string
	for _, c := range config.Codecs {
		words = append(words, string(c))
	}
	completes(cmd, "codec", words...)
}

func codecNames(flags []string) []config.CodecName {
	var names []config.CodecName
	for _, f := range flags {
		names = append(names, config.CodecName(f))
	}
	return names
}
