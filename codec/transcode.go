package codec

import "fmt"

// Importer is an extra ability of a [Codec]: it treats a value that comes out
// of another codec differently from one that its user passes to Append.
// codec/raw has it, because text from codec/json may stand for bytes.
type Importer interface {
	// Import is Append for a plain value that was decoded by the codec named
	// from. The same rules apply as for Append.
	Import(dst []byte, from ID, v any) ([]byte, error)
}

// Transcode appends to dst the payload data, which is encoded by from, in the
// encoding of to. Between equal codecs it copies without looking. Whatever
// cannot be carried over is refused with an error that says why; then dst is
// returned as it was. Transcode does not retain data.
func Transcode(dst []byte, from, to Codec, data []byte) ([]byte, error) {
	if from.ID() == to.ID() {
		return append(dst, data...), nil
	}
	var v any
	if err := from.Decode(data, &v); err != nil {
		return dst, fmt.Errorf("transcode %s to %s: %w", from.ID(), to.ID(), err)
	}
	out, err := importInto(dst, from.ID(), to, v)
	if err != nil {
		return dst, fmt.Errorf("transcode %s to %s: %w", from.ID(), to.ID(), err)
	}
	return out, nil
}

func importInto(dst []byte, from ID, to Codec, v any) ([]byte, error) {
	if im, ok := to.(Importer); ok {
		return im.Import(dst, from, v)
	}
	return to.Append(dst, v)
}
