// Command timerloop arms the same timer anew each time that it expired.
package main

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Loop announces the stock every period.
type Loop struct {
	*demo.Stock
	Period time.Duration
}

func main() {
	demo.Main("timerloop", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Loop{stock, s.Period})
	})
}

// Start runs until ctx ends.
func (l *Loop) Start(ctx context.Context) error {
	timer := time.NewTimer(l.Period) //@arms
	defer timer.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-timer.C:
			demo.Note("tick", "")
			l.Announce(ctx)
			timer.Reset(l.Period) //@arms
		}
	}
}
