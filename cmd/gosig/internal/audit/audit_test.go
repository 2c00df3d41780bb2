package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = &Options{Logger: slog.New(slog.DiscardHandler)}

// begin makes a log with some lines.
func begin(t *testing.T, opts *Options, entries ...Entry) string {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, opts)
	require.NoError(t, err)
	for _, e := range entries {
		l.Add(e)
	}
	require.NoError(t, l.Close())
	return path
}

func read(t *testing.T, path string) []byte {
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func decoded(t *testing.T, path string) []line {
	var all []line
	for b := range bytes.Lines(read(t, path)) {
		l, err := decode(bytes.TrimSuffix(b, []byte("\n")))
		require.NoError(t, err, "%s", b)
		all = append(all, *l)
	}
	return all
}

func kinds(all []line) string {
	var names []string
	for _, l := range all {
		names = append(names, string(l.Kind))
	}
	return strings.Join(names, " ")
}

var some = []Entry{
	{Kind: Connected, Principal: "plant/press", Method: "tls", Address: "tls://10.0.0.7:1", Listener: "tls://0.0.0.0:7466"},
	{Kind: Denied, Principal: "plant/press", Method: "tls", Verb: "subscribe", Sender: "**", Name: "keys/*", Rule: 3, Label: "no keys"},
	{Kind: Ended, Principal: "plant/press", Reason: "a \"quoted\"\n<text> \xff & more"},
}

func TestLogIsAChain(t *testing.T) {
	path := begin(t, nil, some...)
	all := decoded(t, path)
	assert.Equal(t, "opened connected denied disconnected closed", kinds(all))
	prev := none
	for i, b := range bytes.Split(bytes.TrimSpace(read(t, path)), []byte("\n")) {
		assert.Equal(t, int64(i+1), all[i].Number)
		assert.Equal(t, prev, all[i].Prev)
		prev = hash(b)
	}
	got, err := Verify(bytes.NewReader(read(t, path)), prev)
	require.NoError(t, err)
	assert.Equal(t, &Result{Lines: 5, Last: prev, Found: true, Kinds: map[Kind]int64{Opened: 1, Connected: 1, Denied: 1, Ended: 1, Closed: 1}}, got)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestLogIsContinued(t *testing.T) {
	path := begin(t, nil, some...)
	l, err := Open(path, nil)
	require.NoError(t, err)
	number, last := l.Last()
	assert.Equal(t, int64(6), number)
	_, err = Open(path, nil)
	assert.ErrorContains(t, err, "is being written by another router")
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "twice")
	l.Add(some[0]) // has no effect
	n, _ := l.Last()
	assert.Equal(t, int64(7), n)
	got, err := Verify(bytes.NewReader(read(t, path)), last)
	require.NoError(t, err)
	assert.Equal(t, int64(7), got.Lines)
}

// TestEveryChangeShows: whatever is done to a log in the middle, Verify says so.
func TestEveryChangeShows(t *testing.T) {
	text := read(t, begin(t, nil, some...))
	lines := bytes.SplitAfter(bytes.TrimSpace(text), []byte("\n"))
	lines[len(lines)-1] = append(lines[len(lines)-1], '\n')
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, row := range map[string]struct {
		text []byte
		line int
	}{
		"first line gone":        {join(lines[1:]...), -1},
		"line gone":              {join(append(append([][]byte{}, lines[:2]...), lines[3:]...)...), 3},
		"lines exchanged":        {join(lines[0], lines[2], lines[1], lines[3], lines[4]), 2},
		"line twice":             {join(lines[0], lines[1], lines[1], lines[2]), 3},
		"line changed":           {bytes.Replace(text, []byte("keys"), []byte("kegs"), 1), 4},
		"another rule":           {bytes.Replace(text, []byte(`"rule":3`), []byte(`"rule":4`), 1), 4},
		"written otherwise":      {bytes.Replace(text, []byte(`"rule":3`), []byte(`"rule": 3`), 1), 3},
		"key added":              {bytes.Replace(text, []byte(`"rule":3`), []byte(`"rule":3,"x":1`), 1), 3},
		"empty line":             {join(lines[0], []byte("\n"), lines[1]), 2},
		"foreign line":           {join(lines[0], []byte("hello\n"), lines[1]), 2},
		"foreign line at end":    {join(lines[0], []byte("hello\n")), 2},
		"too long":               {join(lines[0], bytes.Repeat([]byte("x"), maxLine+1), lines[1]), 2},
		"last line cut off":      {text[:len(text)-1], 5},
		"last line almost gone":  {join(join(lines[:4]...), []byte("{")), 5},
		"forged cut-off line":    {join(lines[0], []byte("hello\n"), bytes.Replace(lines[1], []byte("connected"), []byte("resumed"), 1)), 3},
		"number changed":         {bytes.Replace(text, []byte(`"n":5`), []byte(`"n":6`), 1), 5},
		"all before is gone":     {lines[3], -1},
		"nothing":                {nil, 0},
		"begins in the middle":   {bytes.Replace(lines[0], []byte(`"n":1`), []byte(`"n":9`), 1), 1},
		"nothing but a newline":  {[]byte("\n"), 1},
		"another log's line":     {join(lines[0], lines[1], read(t, begin(t, nil))), 3},
		"two lines as one":       {bytes.Replace(text, []byte("}\n{"), []byte("}{"), 1), 1},
		"trailing blank":         {join(lines[0], []byte(" "), lines[1]), 2},
		"carriage returns added": {bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n")), 1},
	} {
		got, err := Verify(bytes.NewReader(row.text), "")
		var broken *Broken
		switch {
		case row.line == 0:
			assert.ErrorIs(t, err, ErrEmpty, name)
		case row.line < 0: // as if a file before it had been moved away
			assert.NoError(t, err, name)
			assert.NotEmpty(t, got.First, "that there was something before is told")
		case assert.ErrorAs(t, err, &broken, name):
			assert.Equal(t, int64(row.line), broken.Line, "%s: %v", name, err)
		}
	}
	_, err := Verify(bytes.NewReader(join(lines[:3]...)), hash(bytes.TrimSpace(lines[4])))
	assert.ErrorContains(t, err, "lines are missing at its end")
}

// TestEveryFlippedBitShows.
func TestEveryFlippedBitShows(t *testing.T) {
	text := read(t, begin(t, nil, some...))
	last := hash(bytes.TrimSpace(text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1:]))
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(text)-1).Draw(t, "byte")
		bad := bytes.Clone(text)
		bad[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := Verify(bytes.NewReader(bad), last); err == nil {
			t.Fatalf("not seen: %s", bad)
		}
	})
}

// TestCutOffAnywhere: a router that was killed while writing leaves a line that
// is cut off at some byte; the next one goes on, and the chain is whole.
func TestCutOffAnywhere(t *testing.T) {
	text := read(t, begin(t, nil, some[0]))
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	for n := range len(text) + 1 {
		require.NoError(t, os.WriteFile(path, text[:n], 0o600))
		l, err := Open(path, &Options{Logger: quiet.Logger, unsynced: true})
		require.NoError(t, err, "%s", text[:n])
		l.Add(some[1])
		require.NoError(t, l.Close())
		got, err := Verify(bytes.NewReader(read(t, path)), "")
		require.NoError(t, err, "cut off at byte %d:\n%s", n, read(t, path))
		whole := n == 0 || text[n-1] == '\n' || n < len(text) && text[n] == '\n'
		require.Equal(t, whole, len(got.CutOff) == 0, "cut off at byte %d: %+v", n, got)
		require.True(t, bytes.HasPrefix(read(t, path), text[:n]), "nothing is taken back")
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	for _, text := range []string{"hello\n", "{}\n", "a\nb\nc", "hello\nworld\n", "\n", strings.Repeat("x\n", 3*maxLine)} {
		path := filepath.Join(t.TempDir(), "notes")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := Open(path, quiet)
		assert.ErrorContains(t, err, "audit log", "%.20q", text)
		assert.Equal(t, text, string(read(t, path)))
	}
	_, err := Open(filepath.Join(t.TempDir(), "none", "x"), quiet)
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestDenialsAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, &Options{Window: time.Hour})
	require.NoError(t, err)
	for i := range 1000 {
		l.Add(Entry{Kind: Denied, Principal: "a", Verb: "emit", Name: fmt.Sprint(i)})
		l.Add(Entry{Kind: Denied, Principal: "b", Verb: "emit"})
		l.Add(Entry{Kind: Refused, Listener: "x", Address: fmt.Sprint(i)})
	}
	l.Add(Entry{Kind: Denied, Principal: "a", Verb: "emit", Rule: 2})
	require.NoError(t, l.Close())
	all := decoded(t, path)
	assert.Equal(t, "opened denied denied refused denied denied denied refused closed", kinds(all))
	assert.Equal(t, Entry{Kind: Denied, Principal: "a", Verb: "emit", Name: "0"}, all[1].Entry)
	assert.Equal(t, Entry{Kind: Denied, Principal: "a", Verb: "emit", Name: "999", Count: 999}, all[5].Entry)
	assert.Equal(t, 999, all[7].Count)
}

func TestDenialsAreCountedForAWhile(t *testing.T) {
	var s sampler
	s.init(time.Minute)
	now := time.Now()
	e := Entry{Kind: Denied, Principal: "a"}
	assert.True(t, s.first(e, now))
	assert.False(t, s.first(e, now))
	assert.Empty(t, s.due(now.Add(time.Second)))
	e.Count = 1
	assert.Equal(t, []Entry{e}, s.due(now.Add(time.Minute)))
	assert.Empty(t, s.due(now.Add(2*time.Minute)))
	assert.Empty(t, s.counts, "who is quiet is forgotten")
	for i := range 10 * maxAlike {
		s.first(Entry{Kind: Denied, Principal: fmt.Sprint(i)}, now)
	}
	assert.Len(t, s.counts, maxAlike+1, "however many there are")
	total := 0
	for _, e := range s.all() {
		total += e.Count
	}
	assert.Equal(t, 9*maxAlike-1, total, "none is forgotten")
}

func TestLossIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, quiet)
	require.NoError(t, err)
	held := make(chan struct{}) // closed to let the writer go on
	stuck := make(chan struct{})
	go l.do(func() { close(stuck); <-held })
	<-stuck
	for range queueSize + 7 {
		l.Add(Entry{Kind: Admin})
	}
	close(held)
	require.NoError(t, l.Close())
	var lost, admin int
	for _, e := range decoded(t, path) {
		if e.Kind == Lost {
			lost += e.Count
		} else if e.Kind == Admin {
			admin++
		}
	}
	assert.Equal(t, 7, lost)
	assert.Equal(t, queueSize, admin)
}

// TestADiskThatFails: what could not be written is counted and told.
func TestADiskThatFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	var log bytes.Buffer
	l, err := Open(path, &Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	var good *os.File
	l.do(func() {
		good = l.file
		l.file, _ = os.Open(path) // cannot be written
	})
	l.Add(some[0])
	l.Add(some[2])
	l.do(func() { l.file.Close(); l.file = good })
	l.Add(some[0])
	require.NoError(t, l.Close())
	all := decoded(t, path)
	assert.Equal(t, "opened lost connected closed", kinds(all))
	assert.Equal(t, 2, all[1].Count)
	assert.Equal(t, 1, strings.Count(log.String(), "cannot be written"), "told once")
	_, err = Verify(bytes.NewReader(read(t, path)), "")
	assert.NoError(t, err)
}

// TestAHalfWrittenLineThatStays, because the file can only be appended to.
func TestAHalfWrittenLineThatStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, quiet)
	require.NoError(t, err)
	l.do(func() {
		l.cut = []byte(`{"n":2,"ti`)
		_, err = l.file.Write(l.cut)
	})
	require.NoError(t, err)
	l.Add(some[0])
	require.NoError(t, l.Close())
	got, err := Verify(bytes.NewReader(read(t, path)), "")
	require.NoError(t, err, "%s", read(t, path))
	assert.Equal(t, []int64{2}, got.CutOff)
	assert.Equal(t, int64(5), got.Lines)
}

func TestReopenContinuesInAnotherFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, quiet)
	require.NoError(t, err)
	l.Add(some[0])
	require.NoError(t, l.Reopen(), "nothing has moved")
	require.NoError(t, os.Rename(path, path+".1"))
	l.Add(some[0])
	require.NoError(t, l.Reopen())
	l.Add(some[0])
	require.NoError(t, l.Close())
	old, err := Verify(bytes.NewReader(read(t, path+".1")), "")
	require.NoError(t, err)
	assert.Equal(t, int64(3), old.Lines)
	now, err := Verify(bytes.NewReader(read(t, path)), "")
	require.NoError(t, err)
	assert.Equal(t, old.Last, now.First, "the second file continues the first")
	assert.Equal(t, int64(4), decoded(t, path)[0].Number)
	both := append(read(t, path+".1"), read(t, path)...)
	got, err := Verify(bytes.NewReader(both), "")
	require.NoError(t, err)
	assert.Equal(t, int64(6), got.Lines)
}

func TestTextsAreBounded(t *testing.T) {
	long := strings.Repeat("é", maxLine)
	path := begin(t, nil, Entry{Kind: Admin, Principal: long, Client: long, Name: long, Reason: long, Label: long, Sender: long, Policy: long})
	for _, l := range decoded(t, path) {
		assert.LessOrEqual(t, len(l.Name), maxText+3)
	}
	_, err := Verify(bytes.NewReader(read(t, path)), "")
	assert.NoError(t, err)
	assert.Equal(t, maxText, len(bounded(strings.Repeat("a", maxText))))
}

func TestManyWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := Open(path, &Options{Logger: quiet.Logger, Window: 2 * time.Millisecond})
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 100 {
				l.Add(Entry{Kind: Admin, Principal: fmt.Sprint(i)})
				l.Add(Entry{Kind: Denied, Principal: fmt.Sprint(i)})
				l.Last()
			}
		})
	}
	wg.Wait()
	require.NoError(t, l.Close())
	got, err := Verify(bytes.NewReader(read(t, path)), "")
	require.NoError(t, err)
	assert.Equal(t, int64(800), got.Kinds[Admin])
	denied := 0
	for _, e := range decoded(t, path) {
		if e.Kind == Denied {
			denied += max(1, e.Count)
		}
	}
	assert.Equal(t, 800, denied)
}

func FuzzVerify(f *testing.F) {
	b, _ := json.Marshal(line{Number: 1, Entry: Entry{Kind: Opened}, Prev: none})
	f.Add(append(b, '\n'), "")
	f.Add([]byte("{}\n{}\n"), none)
	f.Fuzz(func(t *testing.T, data []byte, look string) {
		got, err := Verify(bytes.NewReader(data), look)
		if err == nil && (got.Lines == 0 || look != "" && !got.Found) {
			t.Fatalf("%q is said to be whole: %+v", data, got)
		}
	})
}
