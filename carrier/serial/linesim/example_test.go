package linesim_test

import (
	"fmt"

	"github.com/gosig/gosig/carrier/serial/linesim"
)

func ExampleNew() {
	noise := linesim.New(linesim.Damage{BitErrors: 0.01}, 1)
	arrived := noise.Apply(nil, make([]byte, 1000))
	wrong := 0
	for _, b := range arrived {
		if b != 0 {
			wrong++
		}
	}
	fmt.Println(len(arrived), "bytes,", wrong > 50 && wrong < 110)
	// Output: 1000 bytes, true
}
