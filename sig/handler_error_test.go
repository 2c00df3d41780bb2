package sig

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

// TestHandlerGivesUpWithItsContext: a handler that returns its context's error
// tells the caller what ended the context, not merely that it ended.
func TestHandlerGivesUpWithItsContext(t *testing.T) {
	for _, tt := range []struct {
		name        string
		cause, want error
	}{
		{"the sender has left", errSenderLeft, ErrConnectionLost},
		{"the caller gave up", context.Canceled, ErrCancelled},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(tt.cause)
		for _, err := range []error{ctx.Err(), context.Cause(ctx), fmt.Errorf("pot: %w", ctx.Err())} {
			if got := handlerError(ctx, err); !errors.Is(got, tt.want) {
				t.Errorf("P6: %s, the handler returns %q: got %v, want %v", tt.name, err, got, tt.want)
			}
		}
	}
}
