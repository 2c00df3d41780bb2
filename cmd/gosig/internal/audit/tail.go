package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// end is where a file's chain ends.
type end struct {
	number  int64  // of the last line, 0 of none
	hash    string // of the last line, "" if there is none
	newline bool   // the last line lacks it
	torn    bool   // the last line is no entry: it was cut off
}

// lastLine looks at the end of a file.
func lastLine(f *os.File) (end, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return end{}, err
	}
	tail := make([]byte, min(size, 2*maxLine))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil {
		return end{}, err
	}
	var e end
	e.newline = tail[len(tail)-1] != '\n'
	lines := bytes.Split(bytes.TrimSuffix(tail, []byte("\n")), []byte("\n"))
	last := lines[len(lines)-1]
	e.hash = hash(last)
	if l, err := decode(last); err == nil {
		e.number = l.Number
		return e, nil
	}
	if !e.newline {
		return e, fmt.Errorf("%s: its last line is none of an audit log: another file, or one that was changed", f.Name())
	}
	e.torn, e.number = true, 1
	if len(lines) > 1 {
		before, err := decode(lines[len(lines)-2])
		if err != nil {
			return e, fmt.Errorf("%s: its last two lines are none of an audit log: another file, or one that was changed", f.Name())
		}
		e.number = before.Number + 1
	}
	return e, nil
}

// decode reads a line strictly: there is one way to write it.
func decode(b []byte) (*line, error) {
	var l line
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		return nil, err
	}
	again, err := json.Marshal(l)
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(again, b):
		return nil, fmt.Errorf("it is not written as an audit log writes it")
	case l.Number < 1 || l.Kind == "" || len(l.Prev) != len(none):
		return nil, fmt.Errorf("its number, its kind or the hash of the line before is missing")
	}
	return &l, nil
}
