package e2e

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/gosig/gosig/e2e/child"
	"github.com/gosig/gosig/sig"
	"github.com/gosig/gosig/wire"
)

// page connects to a router from a browser: it says HELLO, connects a sender,
// subscribes, answers each note of the desk by an event with the same payload, and
// reports what has happened. The frames come from the test, in hexadecimal.
const page = `<!doctype html><title>gosig</title><script>
const bytes = (hex) => Uint8Array.from(hex.match(/../g), (b) => parseInt(b, 16))
const report = (text) => fetch('/report', { method: 'POST', body: text })
const batch = (...frames) => {
  const parts = frames.flatMap((f) => [[f.length >> 24, f.length >> 16 & 255, f.length >> 8 & 255, f.length & 255], [...f]])
  return Uint8Array.from(parts.flat())
}
let opened = false
const ws = new WebSocket('%[1]s', 'gosig.v1')
ws.binaryType = 'arraybuffer'
ws.onopen = () => { opened = true; ws.send(batch(bytes('%[2]s'))) }
ws.onclose = () => { if (!opened) report('refused') }
ws.onmessage = ({ data }) => {
  const message = new Uint8Array(data)
  for (let at = 0; at < message.length;) {
    const size = new DataView(data, at).getUint32(0)
    const frame = message.subarray(at + 4, at + 4 + size)
    at += 4 + size
    switch (frame[0] & 31) {
      case 2: ws.send(batch(...%[3]s.map(bytes))); break // WELCOME
      case 23: report('open'); break // SYNCED
      case 14: { // EVENT: its route is a varint, ours is 0
        let end = 1
        while (frame[end] & 128) end++
        ws.send(batch([14, 0, ...frame.subarray(end + 1)]))
      }
    }
  }
}
</script>`

// browser opens a page, until the test ends.
func browser(t *testing.T, url string) {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	if path == "" {
		t.Skip("there is no browser: install one (Debian: apt-get install chromium)")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--disable-background-networking", "--no-first-run", "--user-data-dir="+t.TempDir(), "--remote-debugging-port=0", url)
	cmd.WaitDelay = 5 * time.Second // its children may hold the pipes
	var log child.Output
	cmd.Stdout, cmd.Stderr = &log, &log
	ownGroup(cmd)
	child.Bind(cmd)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		endGroup(cmd)
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the browser wrote:\n%s", tail(log.String()))
		}
	})
}

// TestBrowser: a page of a listed origin exchanges events with the router, a page
// of another one is refused, by the word of a real browser.
func TestBrowser(t *testing.T) {
	t.Parallel()
	reports := make(chan string, 10) // room for more than there are
	var router string
	pages := func() *httptest.Server {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/report" {
				text, _ := io.ReadAll(r.Body)
				reports <- r.Host + " " + string(text)
				return
			}
			fmt.Fprint(w, pageFor(router))
		}))
		t.Cleanup(srv.Close)
		return srv
	}
	listed, foreign := pages(), pages()
	p := serve(t, "--listen", "ws://127.0.0.1:0/signals?origin="+listed.URL, "--listen", "tcp://127.0.0.1:0")
	router = strings.SplitN(p.addrs[0], "?", 2)[0]
	desk := dial(t, "json", p.addrs[1:])
	clicks := make(chan string, 10) // the same
	sub, err := sig.Subscribe(desk.Registry, "page", "clicked", func(ev sig.EventOf[string]) { clicks <- ev.Data }, nil)
	require.NoError(t, err)
	require.NoError(t, sub.InForce(patient(t)))
	sp := desk.connect(t, "desk", sig.Spec{Events: []sig.Name{"note"}})

	browser(t, listed.URL)
	require.Equal(t, strings.TrimPrefix(listed.URL, "http://")+" open", told(t, reports))
	require.NoError(t, sp.Emit("note", "hello, page"))
	require.Equal(t, "hello, page", told(t, clicks))

	browser(t, foreign.URL)
	require.Equal(t, strings.TrimPrefix(foreign.URL, "http://")+" refused", told(t, reports))
}

func told(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case text := <-from:
		return text
	case <-patient(t).Done():
		t.Fatal("the page says nothing")
		return ""
	}
}

func pageFor(router string) string {
	hello := wire.Hello{
		MinVersion: wire.MinVersion, MaxVersion: wire.Version, ID: wire.NodeID{0x0b}, Name: "browser", Codecs: []string{"json"},
	}.Append(nil)
	var then []string
	for _, frame := range [][]byte{
		wire.Connect{Epoch: 1, Name: "page", Events: []string{"clicked"}, Fresh: true}.Append(nil),
		wire.Subscribe{Sender: "desk", Event: "note"}.Append(nil),
		wire.Sync{ID: 1}.Append(nil),
	} {
		then = append(then, fmt.Sprintf("'%x'", frame))
	}
	return fmt.Sprintf(page, router, hex.EncodeToString(hello), "["+strings.Join(then, ", ")+"]")
}
