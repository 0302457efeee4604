// Command afterfunc is called by a timer, and arms the next one then.
package main

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Rounds announces the stock every period.
type Rounds struct {
	*demo.Stock
	Period time.Duration
}

func main() {
	demo.Main("afterfunc", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Rounds{stock, s.Period})
	})
}

// Start makes the first round.
func (r *Rounds) Start(ctx context.Context) error {
	r.next(ctx)
	return nil
}

func (r *Rounds) next(ctx context.Context) {
	time.AfterFunc(r.Period, func() { //@arms
		if ctx.Err() != nil {
			return
		}
		demo.Note("tick", "")
		r.Announce(ctx)
		r.next(ctx)
	})
}
