// Command waituntil leaves its loop to apimachinery.
package main

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Loop announces the stock every period.
type Loop struct {
	*demo.Stock
	Period time.Duration
}

func main() {
	demo.Main("waituntil", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Loop{stock, s.Period})
	})
}

// Start runs until ctx ends.
func (l *Loop) Start(ctx context.Context) error {
	wait.UntilWithContext(ctx, l.round, l.Period) //@arms
	return nil
}

func (l *Loop) round(ctx context.Context) {
	demo.Note("tick", "")
	l.Announce(ctx)
}
