// Command sleeploop sleeps between two rounds.
package main

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("sleeploop", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		go rounds(ctx, mgr, stock, s.Period)
		return nil
	})
}

func rounds(ctx context.Context, mgr ctrl.Manager, stock *demo.Stock, period time.Duration) {
	<-mgr.Elected()
	for ctx.Err() == nil {
		stock.Announce(ctx)
		time.Sleep(period) //@arms
		demo.Note("tick", "")
	}
}
