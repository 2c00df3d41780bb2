package json_test

import (
	"fmt"

	"github.com/gosig/gosig/codec"
	"github.com/gosig/gosig/codec/json"
)

func Example() {
	c := json.New()
	data, err := c.Append(nil, map[string]any{"temp": 21.0, "count": 9007199254740993, "raw": []byte{1, 2}})
	fmt.Println(string(data), err)

	var v any
	err = c.Decode(data, &v)
	m := v.(map[string]any)
	fmt.Printf("%T %T %T %v\n", m["temp"], m["count"], m["raw"], err)

	var typed struct {
		Temp float64 `json:"temp"`
		Raw  []byte  `json:"raw"`
	}
	err = c.Decode(data, &typed)
	fmt.Println(typed.Temp, typed.Raw, err)

	// Output:
	// {"count":9007199254740993,"raw":"AQI=","temp":21.0} <nil>
	// float64 int64 string <nil>
	// 21 [1 2] <nil>
}

func ExampleWithLimits() {
	c := json.WithLimits(codec.Limits{Depth: 2})
	_, err := c.Append(nil, []any{[]any{[]any{}}})
	fmt.Println(err)

	// Output:
	// json: payload exceeds a limit: lists and maps nested deeper than 2
}
