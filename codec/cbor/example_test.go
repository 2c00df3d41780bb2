package cbor_test

import (
	"fmt"
	"time"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/cbor"
)

func Example() {
	type reading struct {
		Temp float64   `json:"temp"`
		At   time.Time `json:"at"`
		Raw  []byte    `json:"raw"`
	}
	c := cbor.New()
	data, err := c.Append(nil, reading{Temp: 21, At: time.Unix(0, 0).UTC(), Raw: []byte{1, 2}})
	fmt.Println(len(data), "bytes", err)

	var v any
	err = c.Decode(data, &v)
	fmt.Println(v, err)

	var typed reading
	err = c.Decode(data, &typed)
	fmt.Println(typed.Temp, typed.Raw, typed.At.Year(), err)

	// Output:
	// 40 bytes <nil>
	// map[at:1970-01-01T00:00:00Z raw:[1 2] temp:21] <nil>
	// 21 [1 2] 1970 <nil>
}

func ExampleWithLimits() {
	c := cbor.WithLimits(codec.Limits{Elements: 2})
	var v any
	fmt.Println(c.Decode([]byte{0x83, 1, 2, 3}, &v))

	// Output:
	// cbor: payload exceeds a limit: a list or map has more than 2 elements
}
