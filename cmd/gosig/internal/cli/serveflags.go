package cli

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// serveFlags are what "serve" can be told; what is not, the file says.
type serveFlags struct {
	config    string
	listen    []string
	uplink    []string
	uplinkCA  string
	uplinkPSK string // file
	uplinkID  string // PSK identity
	back      time.Duration
	name      string
	codecs    []string
	drain     time.Duration
	metrics   string
	logLevel  string
	logFormat string
	tls       config.TLS
	pskFile   string
	access    accessFlags
}

func newServe(a *app) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve --listen URL... [--config FILE]",
		Short: "Run a router that clients connect to",
		Long: text(`
			serve runs a router. It listens on every --listen address at once and prints
			"listening URL" for each, with the port that was given for :0.

			Addresses ("gosig carriers" tells more):

			  tcp://HOST:PORT         not encrypted
			  tls://HOST:PORT         with --tls-cert and --tls-key; with --tls-ca clients
			                          need a certificate, too
			  unix:///PATH            this machine only
			  quic://HOST:PORT        as tls://, over UDP; for clients that change networks
			  dtls://HOST:PORT        over UDP, for devices: with --psk-file, or as tls://, or
			                          with both
			  ws://HOST:PORT/PATH     not encrypted
			  wss://HOST:PORT/PATH    as tls://; web pages may connect to these two with
			                          ?origin=https://their.example
			  serial:///dev/ttyUSB0   a device on a serial line; a pattern, such as
			                          'serial:///dev/serial/by-id/*?baud=115200', for all that
			                          are plugged in, now and later

			A --psk-file has a line NAME:KEY for each client that may connect, the key in
			hexadecimal, made for instance by: openssl rand -hex 32

			Who is let in: whom the carrier proves (a certificate, a pre-shared key, a user of
			this machine), or who shows a token or a key that the policy has as [[credential]].
			A listener that other machines can reach and that asks nobody who he is, is refused
			unless --insecure says that it is meant so.

			Who may do what: everybody everything, or what the --policy says, see
			"gosig check --help". It is read again on SIGHUP, on "gosig admin reload" and when
			the file changes; what is allowed no longer ends at once, with a reason. A policy
			with a mistake is not taken: the old one stays. --shadow-policy decides nothing and
			has logged what it would decide otherwise. --audit keeps a log of who was let in,
			what was denied and which policy was in force, see "gosig audit --help".

			With --uplink it is an edge router: what happens here is part of another
			router's signal space, and the other way round.

			A file given by --config says the same and more, see "gosig check --help"; flags
			win over the environment, and that over the file.

			SIGTERM or Ctrl-C ends it in order, in at most --drain; a second one at once.
			Logs go to standard error.`),
		Example: text(`
			  gosig serve --listen ` + DefaultAddress + `
			  gosig serve --listen tcp://127.0.0.1:0 --listen unix:///tmp/gosig.sock

			  # mutual TLS, with files made by "gosig ca lab --server router.example --client anna"
			  gosig serve --listen tls://0.0.0.0:7466 --tls-ca lab/ca.pem \
			      --tls-cert lab/router.example.pem --tls-key lab/router.example.key \
			      --policy policy.toml --audit audit.jsonl
			  gosig sub   --connect tls://router.example:7466 --tls-ca lab/ca.pem \
			      --tls-cert lab/anna.pem --tls-key lab/anna.key

			  # a device, by a key
			  gosig serve --listen dtls://0.0.0.0:7467 --psk-file keys.psk
			  gosig emit  --connect dtls://router.example:7467 --psk-file my.psk --sender press temp 21.5

			  # devices on serial lines, as they are plugged in
			  gosig serve --listen 'serial:///dev/ttyUSB*?baud=115200' --listen ` + DefaultAddress + `

			  gosig serve --config /etc/gosig.toml --log-format json

			  gosig serve --listen ` + DefaultAddress + ` --metrics 127.0.0.1:9465
			  curl -s http://127.0.0.1:9465/metrics | grep limit_hits

			  # an edge router
			  gosig serve --listen ` + DefaultAddress + ` --uplink tls://central.example:7466`),
		Args: args(0, 0, "none; say where to listen with --listen"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.merge(cmd)
			if err != nil {
				return err
			}
			return runServe(cmd.Context(), a, c, f.policy(c))
		},
	}
	fs := cmd.Flags()
	fs.StringVarP(&f.config, "config", "f", "", "TOML file with the configuration")
	fs.StringArrayVarP(&f.listen, "listen", "l", nil, "address to listen on; repeated: on all of them")
	fs.StringVar(&f.tls.Cert, "tls-cert", "", "file with the certificate of tls://, quic://, wss:// and dtls:// listeners")
	fs.StringVar(&f.tls.Key, "tls-key", "", "file with its key")
	fs.StringVar(&f.tls.CA, "tls-ca", "", "file with the CA of the clients' certificates: clients need one then")
	fs.StringVar(&f.pskFile, "psk-file", "", "file with the pre-shared keys of clients, for dtls:// listeners")
	fs.StringArrayVar(&f.uplink, "uplink", nil, "address of a router to join; repeated: tried in turn")
	fs.StringVar(&f.uplinkCA, "uplink-ca", "", "file with the CA of that router's certificate (default the system's)")
	fs.StringVar(&f.uplinkPSK, "uplink-psk-file", "", "file with the pre-shared key of this router, for a dtls:// --uplink")
	fs.DurationVar(&f.back, "return", 0, "how often to look whether an earlier --uplink address answers again, and go back to it (default never)")
	fs.StringVar(&f.uplinkID, "uplink-psk-identity", "", "which name of --uplink-psk-file to be (default the only one)")
	fs.StringVar(&f.name, "name", "", "how this router introduces itself (default the host's name)")
	codecFlag(cmd, &f.codecs, "codecs to accept (default cbor,json,raw)")
	fs.DurationVar(&f.drain, "drain", config.DefaultDrain, "how long connections may end in order")
	fs.StringVar(&f.metrics, "metrics", "", "serve metrics for Prometheus at http://HOST:PORT/metrics, with /healthz and /readyz; :PORT is this host only (default nowhere)")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
	f.access.add(cmd)
	completesAddress(cmd, "listen", "uplink")
	return cmd
}

// merge puts flags over the file.
func (f *serveFlags) merge(cmd *cobra.Command) (*config.Config, error) {
	c := &config.Config{}
	if f.config != "" {
		var err error
		if c, err = config.Load(f.config); err != nil {
			return nil, err
		}
	}
	given := cmd.Flags().Changed
	if given("listen") {
		c.Listen = f.listeners()
	}
	if err := f.withoutEffect(); err != nil {
		return nil, err
	}
	if given("uplink") {
		c.Uplink = &config.Uplink{
			URLs: f.uplink, TLS: config.TLS{CA: f.uplinkCA}, PSKFile: f.uplinkPSK, PSKIdentity: f.uplinkID,
		}
	}
	if err := f.access.merge(cmd, c); err != nil {
		return nil, err
	}
	if given("return") {
		if c.Uplink == nil {
			return nil, usagef("--return has no effect without --uplink")
		}
		c.Uplink.Return = config.NewDuration(f.back)
	}
	if given("name") {
		c.Name = f.name
	}
	if given("codec") {
		c.Codecs = codecNames(f.codecs)
	}
	if given("drain") {
		c.Drain = config.NewDuration(f.drain)
	}
	if given("metrics") {
		c.Metrics.Listen = f.metrics
	}
	if given("log-level") {
		c.Log.Level = config.Level(f.logLevel)
	}
	if given("log-format") {
		c.Log.Format = config.Format(f.logFormat)
	}
	if len(c.Listen) == 0 {
		return nil, usagef("--listen is missing: where may clients connect? For example --listen %s", DefaultAddress)
	}
	if err := c.Validate(); err != nil {
		return nil, usagef("%v", err)
	}
	return c, secure(c)
}

// listeners gives certificates and keys to those that take them.
func (f *serveFlags) listeners() (all []config.Listener) {
	for _, addr := range f.listen {
		l := config.Listener{URL: addr}
		scheme, _ := config.SchemeOf(addr) // what is wrong with it, Validate tells
		if config.Encrypted(scheme) {
			l.TLS = f.tls
		}
		if config.TakesKeys(scheme) {
			l.PSKFile = f.pskFile
		}
		all = append(all, l)
	}
	return all
}

// withoutEffect refuses files that no address would use: whoever names one
// believes that something is protected by it.
func (f *serveFlags) withoutEffect() error {
	some := func(takes func(scheme string) bool) bool {
		return slices.ContainsFunc(f.listen, func(addr string) bool {
			scheme, _ := config.SchemeOf(addr)
			return takes(scheme)
		})
	}
	switch {
	case f.tls != (config.TLS{}) && !some(config.Encrypted):
		return usagef("--tls-cert, --tls-key and --tls-ca (or their variables) have no effect: there is no --listen address of %s", config.EncryptedSchemes())
	case f.pskFile != "" && !some(config.TakesKeys):
		return usagef("--psk-file (or its variable) has no effect: there is no --listen dtls:// address")
	case len(f.uplink) == 0 && (f.uplinkCA != "" || f.uplinkPSK != "" || f.uplinkID != ""):
		return usagef("--uplink-ca and --uplink-psk-... have no effect without --uplink")
	}
	return nil
}
