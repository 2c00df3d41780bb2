package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/ca"
)

// caFlags are what "ca" can be told.
type caFlags struct {
	servers []string
	clients []string
	name    string
	days    int
	output  string
}

func newCA(a *app) *cobra.Command {
	var f caFlags
	cmd := &cobra.Command{
		Use:   "ca DIR [--server NAME,...] [--client ID]...",
		Short: "Make a small CA, with certificates for routers and clients",
		Long: text(`
			ca makes a certificate authority in the folder DIR, and certificates signed by it:
			one for a router with each --server, which lists its host's names and addresses,
			and one for each --client. Without either, the router's is for this host.

			A client's certificate names it as the URI sig:ID. The router takes it for
			the principal ID, which is what rules speak of, see "gosig check --help".

			If DIR has a CA it is used, so that clients can be added later. Nothing is ever
			overwritten: if one of the files is there, nothing is written at all.

			All keys are ECDSA P-256. The CA is valid for ten years, what it signs for --days.
			The files can be read by their owner alone. Who has DIR/ca.key can make himself
			anybody: keep it off the router, which needs ca.pem and its own two files only.

			The files are listed on standard output, commands to go on with on standard error.
			With -o json it is an object for each certificate: "kind" (ca, server, client),
			"names", "cert", "key", "until".`),
		Example: text(`
			  gosig ca lab --server router.example,10.0.0.5 --client plant/press --client anna
			  gosig ca lab --client bob       # later: one more

			  gosig serve --listen tls://0.0.0.0:7466 --tls-ca lab/ca.pem \
			      --tls-cert lab/router.example.pem --tls-key lab/router.example.key
			  gosig ls --connect tls://router.example:7466 --tls-ca lab/ca.pem \
			      --tls-cert lab/anna.pem --tls-key lab/anna.key`),
		Args: args(1, 1, "one: the folder"),
		RunE: func(_ *cobra.Command, args []string) error { return runCA(a, &f, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&f.servers, "server", nil, "names and addresses of a router, separated by commas; repeated: a certificate for each")
	fs.StringArrayVar(&f.clients, "client", nil, "ID of a client; repeated: a certificate for each")
	fs.StringVar(&f.name, "ca-name", "", "name of a new CA (default gosig CA)")
	fs.IntVar(&f.days, "days", int(ca.LeafLife/(24*time.Hour)), "how long certificates of routers and clients are valid")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

func runCA(a *app, f *caFlags, dir string) error {
	if f.days < 1 || f.days > int(ca.CALife/(24*time.Hour)) {
		return usagef("--days: from 1 to %d", int(ca.CALife/(24*time.Hour)))
	}
	r := ca.Request{Name: f.name, Clients: f.clients, Life: time.Duration(f.days) * 24 * time.Hour}
	for _, s := range f.servers {
		r.Servers = append(r.Servers, strings.Split(s, ","))
	}
	if len(r.Servers) == 0 && !ca.Exists(dir) {
		r.Servers = [][]string{thisHost()}
	}
	if len(r.Servers)+len(r.Clients) == 0 {
		return usagef("%s has a CA already: say what it shall sign, with --server or --client", dir)
	}
	made, err := ca.Issue(dir, r)
	if err != nil {
		return err
	}
	for _, m := range made {
		if f.output == outJSON {
			_, err = fmt.Fprintf(a.std.Out, "%s\n", toJSON(m))
		} else {
			_, err = fmt.Fprintf(a.std.Out, "%s %s: %s and %s, until %s\n", m.Kind, strings.Join(m.Names, ", "), m.Cert, m.Key, m.Until.Format(time.DateOnly))
		}
		if err != nil {
			return err
		}
	}
	nextSteps(a, dir, made)
	return nil
}

// thisHost are the names by which a lab on one machine calls its router.
func thisHost() []string {
	names := []string{"localhost", "127.0.0.1", "::1"}
	if host, err := os.Hostname(); err == nil && host != "localhost" && ca.HostName(host) {
		names = append(names, host)
	}
	return names
}

// nextSteps says how to use what was made.
func nextSteps(a *app, dir string, made []ca.Made) {
	root := quoted(filepath.Join(dir, "ca.pem"))
	host := "ROUTER"
	for _, m := range made {
		switch m.Kind {
		case ca.KindServer:
			host = m.Names[0]
			if strings.Contains(host, ":") {
				host = "[" + host + "]"
			}
			a.notice("a router with it:  gosig serve --listen tls://%s:7466 --tls-cert %s --tls-key %s --tls-ca %s",
				host, quoted(m.Cert), quoted(m.Key), root)
		case ca.KindClient:
			a.notice("a client with it:  gosig ls --connect tls://%s:7466 --tls-cert %s --tls-key %s --tls-ca %s",
				host, quoted(m.Cert), quoted(m.Key), root)
		}
	}
	a.notice("keep %s off the router: who has it can make certificates for anybody", filepath.Join(dir, "ca.key"))
}

// quoted is a word as a shell takes it.
func quoted(word string) string {
	if !strings.ContainsFunc(word, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_./:@%+=,~-", c))
	}) && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
