package peer

import (
	"context"
	"errors"
	"io"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// grpcUnary calls a method of the server: there is no router between. Messages
// are google.protobuf.BytesValue; the description below is what protoc would
// generate for it.
type grpcUnary struct{}

// grpcStream sends requests and answers over one bidirectional stream for each
// caller, all on one connection.
type grpcStream struct{ grpcUnary }

const (
	grpcService = "bench.Echo"
	grpcCall    = "/bench.Echo/Call"
	grpcTalk    = "/bench.Echo/Talk"
)

var grpcTalkDesc = grpc.StreamDesc{StreamName: "Talk", ServerStreams: true, ClientStreams: true, Handler: talk}

var grpcDesc = grpc.ServiceDesc{
	ServiceName: grpcService, HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: answer}},
	Streams: []grpc.StreamDesc{grpcTalkDesc},
}

func answer(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(wrapperspb.BytesValue)
	return in, decode(in)
}

func talk(_ any, stream grpc.ServerStream) error {
	in := new(wrapperspb.BytesValue)
	for {
		if err := stream.RecvMsg(in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := stream.SendMsg(in); err != nil {
			return err
		}
	}
}

func (grpcUnary) Serve(env Env) (string, io.Closer, error) {
	tls, err := env.serverTLS()
	if err != nil {
		return "", nil, err
	}
	var opts []grpc.ServerOption
	if tls != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(tls)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	s := grpc.NewServer(opts...)
	s.RegisterService(&grpcDesc, struct{}{})
	go func() { _ = s.Serve(l) }() // ends with Stop
	return l.Addr().String(), closing(s.Stop), nil
}

func dialGRPC(env Env) (*grpc.ClientConn, error) {
	tls, err := env.clientTLS()
	if err != nil {
		return nil, err
	}
	creds := insecure.NewCredentials()
	if tls != nil {
		creds = credentials.NewTLS(tls)
	}
	conn, err := grpc.NewClient(env.Address, grpc.WithTransportCredentials(creds))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return conn, conn.Invoke(ctx, grpcCall, new(wrapperspb.BytesValue), new(wrapperspb.BytesValue))
}

func (grpcUnary) Connect(env Env) (io.Closer, error)                     { return dialGRPC(env) }
func (grpcUnary) Publish(Env, []Topic) (Publisher, error)                { return nil, ErrNot }
func (grpcUnary) Respond(Env) (io.Closer, error)                         { return nothing, nil }
func (grpcUnary) Subscribe(Env, *Topic, func([]byte)) (io.Closer, error) { return nil, ErrNot }

func (grpcUnary) Request(env Env, callers int) ([]Call, io.Closer, error) {
	conn, err := dialGRPC(env)
	if err != nil {
		return nil, nil, err
	}
	call := func(ctx context.Context, payload []byte) ([]byte, error) {
		out := new(wrapperspb.BytesValue)
		err := conn.Invoke(ctx, grpcCall, wrapperspb.Bytes(payload), out)
		return out.Value, err
	}
	return sameCall(callers, call), conn, nil
}

func (grpcStream) Request(env Env, callers int) ([]Call, io.Closer, error) {
	conn, err := dialGRPC(env)
	if err != nil {
		return nil, nil, err
	}
	var calls []Call
	for range callers {
		stream, err := conn.NewStream(context.Background(), &grpcTalkDesc, grpcTalk)
		if err != nil {
			return nil, nil, err
		}
		in, out := new(wrapperspb.BytesValue), new(wrapperspb.BytesValue)
		calls = append(calls, func(_ context.Context, payload []byte) ([]byte, error) {
			out.Value = payload
			if err := stream.SendMsg(out); err != nil {
				return nil, err
			}
			err := stream.RecvMsg(in)
			return in.Value, err
		})
	}
	return calls, conn, nil
}
