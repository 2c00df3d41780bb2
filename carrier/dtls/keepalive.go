package dtls

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/sctp"
)

// probes is how many heartbeats go unanswered before a peer is gone.
const probes = 3

var errSilent = errors.New("the peer is silent: it, or the network to it, is down")

// watch ends a connection whose peer is gone: SCTP itself would send again for
// ever. Only what DTLS has let pass counts as a sign of life.
type watch struct {
	every time.Duration
	assoc *sctp.Association
	link  link

	mu     sync.Mutex
	timer  *time.Timer
	heard  uint64 // bytes, at the last look
	missed int
	closed bool
}

func newWatch(every time.Duration, assoc *sctp.Association, l link) *watch {
	w := &watch{every: every, assoc: assoc, link: l}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(every, w.look)
	return w
}

func (w *watch) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	switch now := w.assoc.BytesReceived(); {
	case now != w.heard:
		w.heard, w.missed = now, 0
	case w.missed == probes:
		w.closed = true
		w.link.end(fmt.Errorf("%w: nothing came for %v", errSilent, (probes+1)*w.every))
		return
	default:
		w.missed++
		w.assoc.ActiveHeartbeat()
	}
	w.timer.Reset(w.every)
}

func (w *watch) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.timer.Stop()
}
