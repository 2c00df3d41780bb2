package serial_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/gosig/gosig/carrier"
	"github.com/gosig/gosig/carrier/serial"
)

func Example() {
	set, err := carrier.NewSet(serial.New(nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = set.Dial(context.Background(), "serial:///dev/ttyUSB0?baudrate=9600")
	fmt.Println(err)
	// Output: dial serial:///dev/ttyUSB0: unknown parameter "baudrate"; serial:// knows baud, parity, stop, pace, mtu, window, max_message, keepalive
}

// A port of a terminal server, which passes the bytes of its serial line on over
// TCP: serial:///tcp/host:port. Any library that opens ports fits in the same way.
func ExampleOptions() {
	overTCP := func(ctx context.Context, line serial.Line) (io.ReadWriteCloser, error) {
		host, ok := strings.CutPrefix(line.Path, "/tcp/")
		if !ok {
			return serial.OpenPort(ctx, line)
		}
		return new(net.Dialer).DialContext(ctx, "tcp", host)
	}
	ctx := context.Background()
	terminalServer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer terminalServer.Close()

	// What hangs on the terminal server's line, here in this program as well.
	device := serial.New(&serial.Options{Unpaced: true, Open: func(context.Context, serial.Line) (io.ReadWriteCloser, error) {
		return terminalServer.Accept()
	}})
	done := make(chan error)
	go func() {
		addr, _ := carrier.Parse("serial:///the-line")
		conn, err := device.Dial(ctx, addr)
		if err == nil {
			err = conn.Send(ctx, carrier.AppendFrame(nil, []byte("21.5 C")))
			conn.Close()
		}
		done <- err
	}()

	c := serial.New(&serial.Options{Open: overTCP, Unpaced: true, Logger: slog.New(slog.DiscardHandler)})
	addr, _ := carrier.Parse("serial:///tcp/" + terminalServer.Addr().String())
	ln, err := c.Listen(ctx, addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ln.Close()
	conn, err := ln.Accept(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, err := conn.Receive(ctx, nil)
	for frame := range carrier.Frames(batch) {
		fmt.Printf("%s\n", frame)
	}
	fmt.Println(err, <-done)
	conn.Close()
	// Output:
	// 21.5 C
	// <nil> <nil>
}
