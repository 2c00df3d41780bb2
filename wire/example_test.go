package wire_test

import (
	"errors"
	"fmt"

	"github.com/gosig/gosig/wire"
)

func Example() {
	frame := wire.Connect{
		Sender: 1, Route: 5, Epoch: 1, Name: "kitchen",
		Events: []string{"temp", "humidity"}, Requests: []string{"set"},
	}.Append(nil)

	typ, _ := wire.TypeOf(frame)
	fmt.Println(typ, len(frame), "bytes")

	var c wire.Connect
	if err := c.Decode(frame); err != nil {
		fmt.Println(err)
		return
	}
	for i, event := range c.Events {
		fmt.Printf("route %d: %s %s\n", c.Route+uint32(i), c.Name, event)
	}
	// Output:
	// CONNECT 39 bytes
	// route 5: kitchen temp
	// route 6: kitchen humidity
}

// An event costs two bytes beside its payload.
func ExampleAppendEvent() {
	frame := wire.AppendEvent(nil, 0, 5, []byte("21.5"))
	fmt.Printf("% x\n", frame)

	_, route, payload, err := wire.ParseEvent(frame)
	fmt.Println(route, string(payload), err)
	// Output:
	// 0e 05 32 31 2e 35
	// 5 21.5 <nil>
}

// A router asks what may come before it looks at what came.
func ExampleLegal() {
	frame := wire.AppendEvent(nil, 0, 5, nil)
	typ, _ := wire.TypeOf(frame)
	fmt.Println(wire.Legal(wire.Greeted, wire.RoleClient, typ))
	fmt.Println(wire.Legal(wire.Open, wire.RoleClient, typ))
	// Output:
	// false
	// true
}

// What a peer did wrong is an error with a code and a text to tell it.
func ExampleError() {
	var s wire.Subscribe
	err := s.Decode([]byte{byte(wire.TypeSubscribe), 7, 'k'})

	var violation *wire.Error
	if errors.As(err, &violation) {
		frame := wire.Goodbye{Code: violation.Code, Reason: violation.Text}.Append(nil)
		fmt.Printf("%v\n% .8x ...\n", violation, frame[:8])
	}
	// Output:
	// protocol violation: SUBSCRIBE: sender pattern: the frame ends within it
	// 18 11 33 53 55 42 53 43 ...
}

// The smaller bound holds; 0 is none.
func ExampleLimits_Min() {
	device := wire.Limits{MaxFrame: 1024, WindowEvents: 4}
	agreed := device.Min(wire.DefaultLimits)
	fmt.Println(agreed.MaxFrame, agreed.MaxRequests, agreed.WindowEvents)
	// Output: 1024 128 4
}
