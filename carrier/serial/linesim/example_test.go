package linesim_test

import (
	"fmt"
	"io"
	"net"

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

func ExampleNewLine() {
	line := linesim.NewLine(&linesim.LineOptions{Baud: 115200})
	defer line.Close()
	device, uart := net.Pipe() // such as the socket of an emulated UART
	router, port := net.Pipe() // such as a linesim.Port, which has a path
	line.Attach(linesim.A, uart)
	line.Attach(linesim.B, port)

	go device.Write([]byte("hello"))
	heard := make([]byte, 5)
	_, err := io.ReadFull(router, heard)
	fmt.Println(string(heard), err)
	// Output: hello <nil>
}
