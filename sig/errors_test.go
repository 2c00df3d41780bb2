package sig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
)

// sentinels in the order of their codes, which must never change.
var sentinels = []error{
	ErrNoSender, ErrNoMethod, ErrHandler, ErrTimeout, ErrCancelled, ErrDenied, ErrBusy, ErrConnectionLost,
	ErrBadPayload, ErrNameTaken, ErrNotDeclared, ErrLimit, ErrClosed, ErrBadName, ErrTypeMismatch,
	ErrNotConnected, ErrProtocol, ErrVersion, ErrNoCodec, ErrRing, ErrTooLarge,
}

func TestCodesAreAppendOnly(t *testing.T) {
	if len(codeTexts) != len(sentinels)+1 {
		t.Errorf("got %d texts for %d codes", len(codeTexts)-1, len(sentinels))
	}
	seen := map[string]bool{}
	for i, err := range sentinels {
		if got, want := CodeOf(err), Code(i+1); got != want {
			t.Errorf("%v: got code %d, want %d", err, got, want)
		}
		if text := err.Error(); text == "" || seen[text] {
			t.Errorf("code %d: its text %q is empty or another code's", i+1, text)
		} else {
			seen[text] = true
		}
	}
}

func TestErrorsMatchByCode(t *testing.T) {
	for i, a := range sentinels {
		err := fmt.Errorf("outer: %w", NewError(CodeOf(a), "kitchen"))
		for j, b := range sentinels {
			if got := errors.Is(err, b); got != (i == j) {
				t.Errorf("P6: errors.Is(%v, %v): got %v", err, b, got)
			}
		}
	}
}

func TestErrorsMatchTheStandardLibrarys(t *testing.T) {
	std := []error{context.DeadlineExceeded, context.Canceled, net.ErrClosed}
	for i, code := range []Code{CodeTimeout, CodeCancelled, CodeClosed} {
		for j, target := range std {
			if got := errors.Is(NewError(code, "x"), target); got != (i == j) {
				t.Errorf("P6: errors.Is(%v, %v): got %v", code, target, got)
			}
		}
		if got := CodeOf(fmt.Errorf("outer: %w", std[i])); got != code {
			t.Errorf("P6: CodeOf(%v): got %v, want %v", std[i], got, code)
		}
	}
	if errors.Is(ErrDenied, context.Canceled) {
		t.Error("P6: ErrDenied matches context.Canceled")
	}
}

func TestErrorIsComparesWhatTheTargetGives(t *testing.T) {
	err := Fail(404, "no such shelf")
	for _, tt := range []struct {
		name   string
		target error
		want   bool
	}{
		{"code", ErrHandler, true},
		{"same", Fail(404, "no such shelf"), true},
		{"number only", Fail(404, ""), true},
		{"other number", Fail(500, ""), false},
		{"other text", Fail(404, "no such book"), false},
		{"other code", NewError(CodeDenied, "no such shelf"), false},
	} {
		if got := errors.Is(err, tt.target); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{ErrNoSender.Error(), "no such sender"},
		{NewError(CodeNoSender, `"kitchen"`).Error(), `no such sender: "kitchen"`},
		{Fail(404, "no such shelf").Error(), "handler failed: no such shelf (404)"},
		{Fail(-1, "").Error(), "handler failed (-1)"},
		{NewError(5000, "from the future").Error(), "error code 5000: from the future"},
		{Code(0).String(), "no error"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestCodeOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
		want Code
	}{
		{"nil", nil, 0},
		{"sentinel", ErrRing, CodeRing},
		{"wrapped", fmt.Errorf("x: %w", Fail(1, "y")), CodeHandler},
		{"joined", errors.Join(errors.New("x"), ErrBusy), CodeBusy},
		{"foreign", errors.New("boom"), CodeHandler},
	} {
		if got := CodeOf(tt.err); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAsError(t *testing.T) {
	own := NewError(CodeLimit, "names")
	for _, tt := range []struct {
		name string
		err  error
		want Error
	}{
		{"own", own, *own},
		{"wrapped", fmt.Errorf("saving: %w", Fail(7, "disk full")), Error{CodeHandler, "saving: handler failed: disk full (7)", 7}},
		{"foreign", errors.New("boom"), Error{CodeHandler, "boom", 0}},
		{"deadline", context.DeadlineExceeded, Error{Code: CodeTimeout}},
		{"wrapped cancel", fmt.Errorf("read: %w", context.Canceled), Error{CodeCancelled, "read: context canceled", 0}},
	} {
		if got := AsError(tt.err); *got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, *got, tt.want)
		}
	}
	if AsError(nil) != nil {
		t.Error("AsError(nil): got an error")
	}
}
