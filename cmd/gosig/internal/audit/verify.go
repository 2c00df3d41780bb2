package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Result is what a log was found to be.
type Result struct {
	Lines int64
	Last  string // hash of the last line
	First string // "prev" of the first, if another file comes before this one; else ""
	// CutOff are lines that were cut off when a router was killed while writing;
	// the line behind each has told so.
	CutOff []int64
	// Found reports whether the hash that was looked for is that of a line.
	Found bool
	Kinds map[Kind]int64 // how many lines of each
}

// Broken is where a chain breaks.
type Broken struct {
	Line int64 // from 1
	Text string
}

// Error says where and why.
func (b *Broken) Error() string { return fmt.Sprintf("line %d: %s", b.Line, b.Text) }

// ErrEmpty: a log has at least one line.
var ErrEmpty = errors.New("it has no line: an audit log begins with one")

// verifier goes through a file.
type verifier struct {
	Result
	look   string
	number int64  // the next line's
	prev   string // hash of the line before
	torn   bool   // the line before is no entry
	why    error  // then: the reason
}

// Verify reads a log and checks its chain. The error is a [*Broken] if something
// is wrong with it; the result says then how far it is whole. If look is not "" it
// is the hash of a line that must be there, as [Log.Last] told of it.
func Verify(r io.Reader, look string) (*Result, error) {
	v := &verifier{look: look, Result: Result{Kinds: map[Kind]int64{}}}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		b, err := in.ReadSlice('\n')
		if err == io.EOF {
			return &v.Result, v.end(b)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return &v.Result, &Broken{v.Lines + 1, fmt.Sprintf("it has more than %d bytes", maxLine)}
		}
		if err != nil {
			return &v.Result, err
		}
		if err := v.line(bytes.TrimSuffix(b, []byte("\n"))); err != nil {
			return &v.Result, err
		}
	}
}

func (v *verifier) line(b []byte) error {
	l, err := decode(b)
	if err != nil {
		if v.torn {
			return &Broken{v.Lines, v.why.Error()}
		}
		v.torn, v.why = true, err
	} else if err := v.entry(l); err != nil {
		return err
	}
	v.Lines++
	v.number++
	v.prev = hash(b)
	v.Last = v.prev
	v.Found = v.Found || v.prev == v.look
	return nil
}

// entry checks that a line follows the one before.
func (v *verifier) entry(l *line) error {
	at := v.Lines + 1
	if v.torn {
		if l.Kind != Resumed {
			return &Broken{at - 1, "it is no entry of an audit log: " + v.why.Error()}
		}
		v.torn = false
		v.CutOff = append(v.CutOff, at-1)
	}
	switch {
	case v.Lines == 0:
		v.number = l.Number
		if l.Prev != none {
			v.First = l.Prev
		} else if l.Number != 1 {
			return &Broken{at, fmt.Sprintf("it is number %d and begins the log: what was before is missing", l.Number)}
		}
	case v.prev != l.Prev:
		return &Broken{at, "the chain breaks: the line before is not the one that it was written behind; one of the two was changed, or lines between them are missing"}
	case v.number != l.Number && v.Lines > 1:
		return &Broken{at, fmt.Sprintf("it is number %d, and should be %d", l.Number, v.number)}
	}
	v.number = l.Number
	v.Kinds[l.Kind]++
	return nil
}

// end checks how the file ends; b is what follows the last newline.
func (v *verifier) end(b []byte) error {
	switch {
	case len(b) > 0:
		return &Broken{v.Lines + 1, "the last line is cut off: a router was killed while writing it, or the file was cut"}
	case v.torn:
		return &Broken{v.Lines, "it is no entry of an audit log: " + v.why.Error()}
	case v.Lines == 0:
		return ErrEmpty
	case v.look != "" && !v.Found:
		return &Broken{v.Lines, fmt.Sprintf("the log ends here, and no line has the hash %s: it is not the log that it was, or lines are missing at its end", v.look)}
	}
	return nil
}
