package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/cmd/gosig/internal/config"
)

// Output formats of -o.
const (
	outText = "text"
	outJSON = "json"
)

func outputFlag(cmd *cobra.Command, to *string, def string) {
	cmd.Flags().VarP(&choice{to: to, of: []string{outText, outJSON}}, "output", "o", "how data is printed: text, or json: one object a line")
	*to = def
	cmd.Flags().Lookup("output").DefValue = def
	completes(cmd, "output", outText, outJSON)
}

// completes tells the shell what a flag takes.
func completes(cmd *cobra.Command, flag string, words ...string) {
	// It fails only for a flag that does not exist, or twice.
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

// completesAddress offers the beginnings of addresses; the rest is the user's.
func completesAddress(cmd *cobra.Command, flags ...string) {
	for _, flag := range flags {
		_ = cmd.RegisterFlagCompletionFunc(flag, addresses) // as above
	}
}

func addresses(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var all []string
	for _, s := range config.Schemes {
		all = append(all, s+"://")
	}
	return all, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

// choice is a flag that takes one of a few words.
type choice struct {
	to *string
	of []string
}

func (c *choice) String() string {
	if c.to == nil {
		return ""
	}
	return *c.to
}

func (c *choice) Type() string { return "word" }

func (c *choice) Set(s string) error {
	for _, w := range c.of {
		if w == s {
			*c.to = s
			return nil
		}
	}
	return fmt.Errorf("it is one of %q", c.of)
}

// eventLine is a line of "sub": the first three keys are a promise.
type eventLine struct {
	Sender string          `json:"sender"`
	Event  string          `json:"event"`
	Data   json.RawMessage `json:"data"`
}

// toJSON writes a payload as JSON without a newline. Byte strings become
// base64. JSON has no NaN and no infinity: those become strings.
func toJSON(v any) json.RawMessage {
	b, err := marshal(printable(v))
	if err != nil {
		b, _ = marshal(fmt.Sprintf("%v", v)) // a string can always be written
	}
	return b
}

// marshal is json.Marshal that leaves <, > and & as they are.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// printable replaces the numbers that JSON cannot write, and those that would
// be read as integers beyond 64 bits, which emit refuses: 1e20 stays 1e20.
func printable(v any) any {
	switch v := v.(type) {
	case float64:
		switch {
		case math.IsNaN(v) || math.IsInf(v, 0):
			return strconv.FormatFloat(v, 'g', -1, 64)
		case math.Abs(v) >= 1<<63:
			return json.Number(strconv.FormatFloat(v, 'e', -1, 64))
		}
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = printable(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[k] = printable(v[k])
		}
		return out
	}
	return v
}

// printer writes lines. It gathers them while lines come faster than they are
// taken, and writes at once when none is waiting: handlers do not wait for a
// system call per line, and a reader of the pipe sees each line without delay.
type printer struct {
	wake chan struct{} // capacity 1: "there is something"; closed by Close
	done chan struct{} // closed when the flusher has ended

	mu     sync.Mutex
	w      *bufio.Writer
	err    error // the first one; nothing is written after it
	closed bool
}

func newPrinter(w io.Writer) *printer {
	p := &printer{wake: make(chan struct{}, 1), done: make(chan struct{}), w: bufio.NewWriterSize(w, 64<<10)}
	go p.flushAll() // ends when Close closes wake
	return p
}

func (p *printer) flushAll() {
	defer close(p.done)
	for range p.wake {
		p.mu.Lock()
		p.keep(p.w.Flush())
		p.mu.Unlock()
	}
}

// Line writes one line.
func (p *printer) Line(line []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.err != nil {
		return p.err
	}
	_, err := p.w.Write(line)
	p.keep(err)
	p.keep(p.w.WriteByte('\n'))
	select {
	case p.wake <- struct{}{}:
	default: // it has been told
	}
	return p.err
}

func (p *printer) keep(err error) {
	if p.err == nil && err != nil {
		p.err = fmt.Errorf("write to standard output: %w", err)
	}
}

// Close writes what is left and returns the first error there was.
func (p *printer) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		close(p.wake)
	}
	p.mu.Unlock()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.keep(p.w.Flush())
	}
	return p.err
}
