// Typedrequests shows requests with types of one's own: handlers and calls are
// functions of Go types, errors keep their identity, and many senders can be
// asked at once.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gosig/gosig/sig"
)

// Order asks a shop for goods, Receipt is its answer.
type (
	Order struct {
		Item  string
		Count int
	}
	Receipt struct {
		Item  string
		Total float64
	}
)

// soldOut is a code of this program's own: it travels with the error.
const soldOut = 1

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	reg := sig.New(nil)
	defer reg.Close()
	if err := openShops(reg); err != nil {
		return err
	}

	receipt, err := sig.Call[Receipt](ctx, reg, "shop/north", "buy", Order{"apple", 3})
	if err != nil {
		return err
	}
	fmt.Printf("north: %s, %.2f in all\n", receipt.Item, receipt.Total)

	reportErrors(ctx, reg)
	return askEveryone(ctx, reg)
}

// openShops connects three senders that answer "buy"; the one in the south
// takes whatever it is asked through its default handler.
func openShops(reg *sig.Registry) error {
	for name, price := range map[sig.Name]float64{"shop/north": 0.5, "shop/east": 0.7} {
		buy := func(_ context.Context, o Order) (Receipt, error) {
			if o.Count > 10 {
				return Receipt{}, sig.Fail(soldOut, fmt.Sprintf("only 10 %ss left", o.Item))
			}
			return Receipt{o.Item, price * float64(o.Count)}, nil
		}
		spec := sig.Spec{Requests: map[sig.Name]sig.RequestHandler{"buy": sig.Handle(buy)}}
		if _, err := reg.Connect(name, spec); err != nil {
			return err
		}
	}
	closed := func(ctx context.Context, req *sig.Request) (any, error) {
		<-ctx.Done() // nobody there: the caller's patience ends it
		return nil, ctx.Err()
	}
	_, err := reg.Connect("shop/south", sig.Spec{Default: closed})
	return err
}

// reportErrors shows what a caller can tell apart.
func reportErrors(ctx context.Context, reg *sig.Registry) {
	_, err := sig.Call[Receipt](ctx, reg, "shop/west", "buy", Order{})
	fmt.Println("west: no such sender:", errors.Is(err, sig.ErrNoSender))

	_, err = sig.Call[Receipt](ctx, reg, "shop/north", "sell", Order{})
	fmt.Println("north: no such method:", errors.Is(err, sig.ErrNoMethod))

	_, err = sig.Call[Receipt](ctx, reg, "shop/north", "buy", Order{"apple", 11})
	var failure *sig.Error
	if errors.As(err, &failure) && failure.App == soldOut {
		fmt.Println("north: sold out:", failure.Text)
	}

	_, err = sig.Call[Receipt](ctx, reg, "shop/north", "buy", "not an order")
	fmt.Println("north: bad payload:", errors.Is(err, sig.ErrBadPayload))

	short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err = sig.Call[Receipt](short, reg, "shop/south", "buy", Order{})
	fmt.Println("south: timeout:", errors.Is(err, sig.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
}

// askEveryone sends one request to all shops and says how each answered.
func askEveryone(ctx context.Context, reg *sig.Registry) error {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	for _, answer := range reg.RequestAll(ctx, "shop/*", "buy", Order{"pear", 2}) {
		if answer.Err != nil {
			fmt.Printf("%s: no answer: timeout %t\n", answer.Sender, errors.Is(answer.Err, sig.ErrTimeout))
			continue
		}
		receipt, err := sig.Data[Receipt](answer.Data)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %.2f\n", answer.Sender, receipt.Total)
	}
	return nil
}
