package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gosig/gosig/sig"
)

// requestFlags are what "request" can be told.
type requestFlags struct {
	client  clientFlags
	timeout time.Duration
	text    bool
	output  string
}

// replyLine is a line of "request -o json".
type replyLine struct {
	Sender string          `json:"sender"`
	Method string          `json:"method"`
	Data   json.RawMessage `json:"data"`
	Error  string          `json:"error,omitempty"`
}

func newRequest(a *app) *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use:   "request --connect URL SENDER METHOD [JSON]",
		Short: "Ask a sender, and print its reply as JSON",
		Long: text(`
			request calls one method of one sender and prints the reply's JSON; with -o json
			{"sender":..,"method":..,"data":..}. Without a value the request carries null.

			If SENDER is a pattern, all senders that match are asked at once, and each
			answers with one line; who failed or left is told on standard error, with
			-o json in the line's "error".

			Exit codes: 3 denied, 4 no reply in time, 5 no such sender or method.`),
		Example: text(`
			  gosig request --connect ` + DefaultAddress + ` kitchen set '{"temp":20}'
			  gosig request -c ` + DefaultAddress + ` kitchen describe --timeout 2s

			  # ask everybody
			  gosig request -c ` + DefaultAddress + ` '**' describe -o json`),
		Args: args(2, 3, "the sender, the method, and perhaps a value"),
		RunE: func(cmd *cobra.Command, args []string) error { return runRequest(cmd.Context(), a, &f, args) },
	}
	f.client.add(cmd)
	cmd.Flags().DurationVarP(&f.timeout, "timeout", "t", 30*time.Second, "how long to wait for the reply")
	cmd.Flags().BoolVar(&f.text, "text", false, "take the value as a string and not as JSON")
	outputFlag(cmd, &f.output, outText)
	return cmd
}

func runRequest(ctx context.Context, a *app, f *requestFlags, args []string) error {
	sender, method := sig.Name(args[0]), sig.Name(args[1])
	if err := errors.Join(sig.Pattern{Sender: sender, Event: sig.Any}.Validate(), method.Validate()); err != nil {
		return usagef("%v", err)
	}
	var value any
	if len(args) == 3 {
		var err error
		if value, err = parseInput([]byte(args[2]), f.text); err != nil {
			return usagef("%s: %v; use --text for a plain string", method, err)
		}
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	c, err := f.client.open(ctx, a)
	if err != nil {
		return err
	}
	defer c.close()
	if strings.Contains(args[0], "*") {
		return c.askAll(ctx, f, sender, method, value)
	}
	reply, err := c.reg.Request(ctx, sender, method, value)
	if err != nil {
		return explainRequest(err, sender, method)
	}
	plain, err := sig.Data[any](reply)
	if err != nil {
		return fmt.Errorf("the reply of %s %s: %w", sender, method, err)
	}
	return c.printReply(f, sig.Answer{Sender: sender, Data: plain}, method)
}

func explainRequest(err error, sender, method sig.Name) error {
	err = fmt.Errorf("request %s %s: %w", sender, method, err)
	if errors.Is(err, sig.ErrNoSender) || errors.Is(err, sig.ErrNoMethod) {
		err = fmt.Errorf("%w (gosig ls shows who is there and what they answer)", err)
	}
	return err
}

// askAll asks every sender that matches; the exit code is that of the first
// error.
func (c *client) askAll(ctx context.Context, f *requestFlags, senders, method sig.Name, value any) error {
	answers := c.reg.RequestAll(ctx, senders, method, value)
	if len(answers) == 0 {
		return explainRequest(sig.NewError(sig.CodeNoSender, "nobody matches "+string(senders)), senders, method)
	}
	var first error
	for _, answer := range answers {
		if answer.Err == nil {
			answer.Data, answer.Err = sig.Data[any](answer.Data)
		}
		if answer.Err != nil && first == nil {
			first = explainRequest(answer.Err, answer.Sender, method)
		} else if answer.Err != nil {
			c.notice("%v", explainRequest(answer.Err, answer.Sender, method))
		}
		if err := c.printReply(f, answer, method); err != nil {
			return err
		}
	}
	return first
}

func (c *client) printReply(f *requestFlags, answer sig.Answer, method sig.Name) error {
	line := replyLine{Sender: string(answer.Sender), Method: string(method), Data: toJSON(answer.Data)}
	if answer.Err != nil {
		line.Error = answer.Err.Error()
	}
	var err error
	switch {
	case f.output == outJSON:
		_, err = fmt.Fprintf(c.std.Out, "%s\n", toJSON(line))
	case answer.Err == nil:
		_, err = fmt.Fprintf(c.std.Out, "%s\n", line.Data)
	}
	return err
}
