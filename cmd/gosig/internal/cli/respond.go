package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/sig"
)

// respondFlags are what "respond" can be told.
type respondFlags struct {
	client clientFlags
	sender string
	reply  string
	exec   string
	count  uint64
}

func newRespond(a *app) *cobra.Command {
	var f respondFlags
	cmd := &cobra.Command{
		Use:   "respond --connect URL --sender NAME METHOD (--reply JSON | --exec COMMAND)",
		Short: "Answer requests with a fixed value or with what a command prints",
		Long: text(`
			respond connects a sender that answers one method. With --reply every answer is
			the same JSON value. With --exec the command runs once for each request, by the
			shell: it reads the request's JSON from its standard input, and what it prints
			is the reply's JSON. If it fails, the caller gets its exit code and the first
			line of its standard error. GOSIG_REQUEST_SENDER and GOSIG_REQUEST_METHOD tell
			the command what was asked.

			"responding" on standard error says that from now on requests are answered.`),
		Example: text(`
			  gosig respond --connect ` + DefaultAddress + ` --sender kitchen ping --reply '"pong"'
			  gosig respond -c ` + DefaultAddress + ` -s kitchen add --exec "jq '.a + .b'"`),
		Args: args(1, 1, "one: the method"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRespond(cmd.Context(), a, &f, args[0], cmd.Flags().Changed("reply"))
		},
	}
	f.client.add(cmd)
	fs := cmd.Flags()
	fs.StringVarP(&f.sender, "sender", "s", "", "name of the sender that answers")
	fs.StringVar(&f.reply, "reply", "", "JSON value to answer with")
	fs.StringVar(&f.exec, "exec", "", "command whose output is the answer")
	fs.Uint64VarP(&f.count, "count", "n", 0, "end after so many requests (default: at Ctrl-C)")
	return cmd
}

func runRespond(ctx context.Context, a *app, f *respondFlags, method string, fixed bool) error {
	if f.sender == "" {
		return usagef("--sender is missing: in whose name is it answered?")
	}
	if err := errors.Join(sig.Name(f.sender).Validate(), sig.Name(method).Validate()); err != nil {
		return usagef("%v", err)
	}
	if fixed == (f.exec != "") {
		return usagef("give either --reply or --exec")
	}
	handler := runCommand(f.exec)
	if fixed {
		value, err := parseInput([]byte(f.reply), false)
		if err != nil {
			return usagef("--reply: %v", err)
		}
		handler = func(context.Context, *sig.Request) (any, error) { return value, nil }
	}
	c, err := f.client.open(ctx, a)
	if err != nil {
		return err
	}
	defer c.close()
	enough := make(chan struct{}) // closed after --count requests
	s, err := c.connect(ctx, f.sender, sig.Spec{Requests: map[sig.Name]sig.RequestHandler{
		sig.Name(method): counted(handler, f.count, enough),
	}})
	if err != nil {
		return err
	}
	c.notice("responding to %s %s", f.sender, method)
	select {
	case <-ctx.Done():
		return nil
	case <-s.Done():
		return s.Err()
	case <-enough:
		return c.finish()
	}
}

// counted closes enough when so many requests have been answered, and refuses
// what comes after. 0 means any number.
func counted(h sig.RequestHandler, most uint64, enough chan struct{}) sig.RequestHandler {
	if most == 0 {
		return h
	}
	var mu sync.Mutex
	var begun, ended uint64
	return func(ctx context.Context, req *sig.Request) (any, error) {
		mu.Lock()
		begun++
		late := begun > most
		mu.Unlock()
		if late {
			return nil, sig.NewError(sig.CodeBusy, "it has answered what it was started for")
		}
		defer func() {
			mu.Lock()
			defer mu.Unlock()
			if ended++; ended == most {
				close(enough)
			}
		}()
		return h(ctx, req)
	}
}

// runCommand returns a handler that lets the command answer.
func runCommand(command string) sig.RequestHandler {
	return func(ctx context.Context, req *sig.Request) (any, error) {
		data, err := sig.Data[any](req.Data)
		if err != nil {
			return nil, err
		}
		var stdout, stderr bounded
		cmd := shell(ctx, command)
		cmd.Env = append(os.Environ(), "GOSIG_REQUEST_SENDER="+string(req.Sender), "GOSIG_REQUEST_METHOD="+string(req.Method))
		cmd.Stdin = bytes.NewReader(append(toJSON(data), '\n'))
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		cmd.WaitDelay = time.Second // grandchildren that keep the pipes open
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil { // it was killed for being late, which is what the caller is told
				return nil, ctx.Err()
			}
			return nil, failure(err, stderr.String())
		}
		if stdout.over {
			return nil, sig.Fail(0, fmt.Sprintf("the command printed more than %d bytes", maxLine))
		}
		return commandReply(stdout.Bytes())
	}
}

func commandReply(out []byte) (any, error) {
	out = bytes.TrimSpace(out)
	if len(out) == 0 {
		return nil, nil
	}
	v, err := parseInput(out, false)
	if err != nil {
		return nil, sig.Fail(0, fmt.Sprintf("what the command printed is %v", err))
	}
	return v, nil
}

// failure is what the caller is told: the exit code, and the first line of
// what the command complained about.
func failure(err error, stderr string) error {
	text, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	if len(text) > 200 {
		text = text[:200]
	}
	text = strings.ToValidUTF8(text, "?")
	if text == "" {
		text = err.Error()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return sig.Fail(int64(exit.ExitCode()), text)
	}
	return sig.Fail(0, text)
}

// bounded keeps at most maxLine bytes and lets the command go on.
type bounded struct {
	bytes.Buffer
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxLine - b.Len(); len(p) > room {
		b.over = true
		b.Buffer.Write(p[:room])
		return len(p), nil
	}
	return b.Buffer.Write(p)
}
