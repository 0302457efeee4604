// Command waitpoll looks with the wait package's older poll, which has a goroutine for its ticks,
// whether something has happened. It never has.
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
	demo.Main("waitpoll", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Loop{stock, s.Period})
	})
}

// Start runs until ctx ends.
func (l *Loop) Start(ctx context.Context) error {
	_ = wait.PollUntilWithContext(ctx, l.Period, l.round) //@arms
	return nil
}

func (l *Loop) round(ctx context.Context) (bool, error) {
	demo.Note("tick", "")
	l.Announce(ctx)
	return false, nil
}
