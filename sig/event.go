package sig

// EventOf is one event as a handler sees it: who emitted what.
type EventOf[T any] struct {
	Sender, Name Name
	Data         T
}

// Event is an event whose payload may be anything.
//
// Payloads from another process arrive as plain values: nil, bool, int64,
// uint64, float64, string, []byte, []any and map[string]any. Payloads emitted
// in this process arrive as they were emitted; they are shared by all handlers,
// so nobody may change them.
type Event = EventOf[any]
