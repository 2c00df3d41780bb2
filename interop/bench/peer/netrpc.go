package peer

import (
	"context"
	"io"
	"net/rpc"
)

// netRPC is the standard library's net/rpc with gob. It calls the server
// itself: there is no router between.
type netRPC struct{}

// Echo is the service; net/rpc wants an exported type.
type Echo struct{}

// Call answers with its argument.
func (Echo) Call(args []byte, reply *[]byte) error {
	*reply = args
	return nil
}

func (netRPC) Serve(env Env) (string, io.Closer, error) {
	s := rpc.NewServer()
	if err := s.Register(Echo{}); err != nil {
		return "", nil, err
	}
	l, err := listen(env)
	if err != nil {
		return "", nil, err
	}
	go s.Accept(l) // ends when l is closed
	return l.Addr().String(), l, nil
}

func (netRPC) Connect(env Env) (io.Closer, error)                     { return dial(env) }
func (netRPC) Publish(Env, []Topic) (Publisher, error)                { return nil, ErrNot }
func (netRPC) Subscribe(Env, *Topic, func([]byte)) (io.Closer, error) { return nil, ErrNot }
func (netRPC) Respond(Env) (io.Closer, error)                         { return nothing, nil }

func (netRPC) Request(env Env, callers int) ([]Call, io.Closer, error) {
	conn, err := dial(env)
	if err != nil {
		return nil, nil, err
	}
	c := rpc.NewClient(conn)
	call := func(_ context.Context, payload []byte) ([]byte, error) {
		var reply []byte
		err := c.Call("Echo.Call", payload, &reply)
		return reply, err
	}
	return sameCall(callers, call), c, nil
}
