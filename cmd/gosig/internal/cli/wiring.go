package cli

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/dtls"
	"github.com/gosig/gosig/carrier/quic"
	"github.com/gosig/gosig/carrier/serial"
	"github.com/gosig/gosig/carrier/tcp"
	"github.com/gosig/gosig/carrier/ws"
	"github.com/gosig/gosig/cmd/gosig/internal/config"
	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
	"github.com/gosig/gosig/codec/json"
	"github.com/gosig/gosig/codec/raw"
)

// securityFlags are the settings of addresses that are encrypted: files with
// certificates or with pre-shared keys, never the keys themselves.
type securityFlags struct {
	config.TLS
	serverName  string
	pskFile     string
	pskIdentity string
	credentials credentialFlags
}

// addClient adds the flags of a client.
func (s *securityFlags) addClient(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&s.CA, "tls-ca", "", "file with the CA of the router's certificate (default the system's)")
	fs.StringVar(&s.Cert, "tls-cert", "", "file with this client's certificate, for routers that ask for one")
	fs.StringVar(&s.Key, "tls-key", "", "file with the key of --tls-cert")
	fs.StringVar(&s.serverName, "tls-name", "", "name in the router's certificate (default the host of its address)")
	fs.StringVar(&s.pskFile, "psk-file", "", "file with the pre-shared key of this client, for dtls:// in place of certificates: a line NAME:KEY, the key in hexadecimal")
	fs.StringVar(&s.pskIdentity, "psk-identity", "", "which NAME of --psk-file to be (default the only one)")
	s.credentials.add(cmd)
}

func (s *securityFlags) validate() error {
	if (s.Cert == "") != (s.Key == "") {
		return usagef("--tls-cert and --tls-key go together")
	}
	return nil
}

// carriers are those that addresses on the command line may name.
func (s *securityFlags) carriers(log *slog.Logger) []carrier.Carrier {
	return []carrier.Carrier{
		tcp.New(&tcp.Options{CertFile: s.Cert, KeyFile: s.Key, CAFile: s.CA, ServerName: s.serverName, Logger: log}),
		quic.New(&quic.Options{CertFile: s.Cert, KeyFile: s.Key, CAFile: s.CA, ServerName: s.serverName, Logger: log}),
		dtls.New(&dtls.Options{
			CertFile: s.Cert, KeyFile: s.Key, CAFile: s.CA, ServerName: s.serverName,
			PSKFile: s.pskFile, PSKIdentity: s.pskIdentity, Logger: log,
		}),
		ws.New(&ws.Options{CertFile: s.Cert, KeyFile: s.Key, CAFile: s.CA, ServerName: s.serverName, Logger: log}),
		serial.New(&serial.Options{Logger: log}),
	}
}

// newCodecs returns the named codecs in the order given, or all.
func newCodecs(names []config.CodecName, limits codec.Limits) ([]codec.Codec, error) {
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
			all = append(all, cbor.WithLimits(limits))
		case "json":
			all = append(all, json.WithLimits(limits))
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
