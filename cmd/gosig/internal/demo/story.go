package demo

import (
	"errors"
	"strconv"
)

// introduce says what is there, and what can be done from another shell.
func (d *demo) introduce() {
	s, h, program := d.screen, d.hub, d.opts.Program
	width := 0
	for _, addr := range h.addrs {
		width = max(width, len(addr))
	}
	s.Printf("One router, in this process, listens on %d carriers at once:\n\n", len(h.addrs))
	for i, addr := range h.addrs {
		s.Printf("  %-*s   protected by %s\n", width, addr, h.protects(posts[i].scheme))
	}
	s.Printf("\nOn each of them a client measures this host, emits what it finds, and hears all\n")
	s.Printf("the others. A line below is one event: its sender, the carrier and codec it was\n")
	s.Printf("sent with, and those of one of the %d who got it.\n", len(posts)-1)
	s.Printf("\nTry meanwhile in another shell (certificate and keys were made for this run):\n\n")
	tcp := h.addr("tcp")
	s.Printf("  %s sub --connect %s\n", program, tcp)
	s.Printf("  %s request --connect %s host/memory now\n", program, tcp)
	s.Printf("  %s probe %s --tls-ca %s\n", program, h.addr("quic"), h.secrets.caFile())
	s.Printf("  %s emit --connect %s --psk-file %s --sender you hello '\"world\"'\n\n", program, h.addr("dtls"), h.secrets.keyFile())
}

// summary says who has heard whom. missing is why the others have not been seen
// to leave, if so.
func (d *demo) summary(missing error) error {
	s, program := d.screen, d.opts.Program
	s.end()
	t := newTally(d.stations)
	t.print(s)
	if err := errors.Join(d.failed(), missing, t.err()); err != nil {
		return err
	}
	emitted, due, arrived, lost := t.sums()
	s.Printf("%d clients on %d carriers emitted %d events. Everybody heard everybody:\n", len(posts), len(posts), emitted)
	s.Printf("%d of %d arrived, %d were lost, and %s.\n", arrived, due, lost, answered(d.asked))
	s.Printf("\nNext, a router of your own:\n\n")
	s.Printf("  %s serve --listen tcp://127.0.0.1:7465\n", program)
	s.Printf("  %s sub --connect tcp://127.0.0.1:7465\n", program)
	s.Printf("  %s emit --connect tcp://127.0.0.1:7465 --sender me hello '\"world\"'\n", program)
	s.Printf("  %s carriers\n", program)
	return s.err()
}

func answered(n int) string {
	if n == 1 {
		return "1 request was answered"
	}
	return strconv.Itoa(n) + " requests were answered"
}
