package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxLine bounds a line of standard input, in bytes. A router's limit on
// frames is lower; this one only keeps a stream without any newline from
// filling the memory.
const maxLine = 4 << 20

// input is one line and what became of it.
type input struct {
	line  int // from 1
	value any
	err   error // what is wrong with the line
}

// readLines calls yield for each line until the end, an error of the reader,
// or yield returning false. Empty lines are skipped unless lines are text.
func readLines(r io.Reader, asText bool, yield func(input) bool) error {
	br := bufio.NewReaderSize(r, maxLine)
	for n := 1; ; n++ {
		line, err := br.ReadSlice('\n')
		in := input{line: n}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			in.err = fmt.Errorf("longer than %d bytes", maxLine)
			err = skipLine(br)
		case err == io.EOF && len(line) == 0:
			return nil
		default:
			line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			if !asText && len(bytes.TrimSpace(line)) == 0 {
				in.line = 0 // nothing to tell
			} else {
				in.value, in.err = parseInput(line, asText)
			}
		}
		if in.line > 0 && !yield(in) {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

func skipLine(br *bufio.Reader) error {
	for {
		if _, err := br.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func parseInput(line []byte, asText bool) (any, error) {
	if !utf8.Valid(line) {
		return nil, errors.New("not valid UTF-8")
	}
	if asText {
		return string(line), nil
	}
	return parseJSON(line)
}

// parseJSON reads one JSON value. Numbers keep their exact value: an integer
// becomes int64 or uint64 or is refused, any other number a float64.
func parseJSON(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errors.New("not JSON: it ends too early")
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("not JSON: something follows the value at byte %d", dec.InputOffset())
	}
	return exact(v)
}

// exact replaces each json.Number by a Go number of the same value.
func exact(v any) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		return exactNumber(v.String())
	case []any:
		for i := range v {
			if v[i], err = exact(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for k := range v {
			if v[k], err = exact(v[k]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func exactNumber(s string) (any, error) {
	if strings.ContainsAny(s, ".eE") || s == "-0" {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("the number %.40s is too large for a float64", s)
		}
		return f, nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, nil
	}
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return u, nil
	}
	return nil, fmt.Errorf("the integer %.40s does not fit into 64 bits; send it as a string", s)
}
