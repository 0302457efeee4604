// Command cron leaves its rounds to a cron library, which counts in whole seconds.
package main

import (
	"context"

	"github.com/robfig/cron/v3"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Rounds announces the stock by schedule.
type Rounds struct {
	*demo.Stock
	Schedule string
}

func main() {
	demo.Main("cron", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Rounds{stock, "@every " + s.Period.String()})
	})
}

// Start runs until ctx ends.
func (r *Rounds) Start(ctx context.Context) error {
	schedule := cron.New()
	_, err := schedule.AddFunc(r.Schedule, func() {
		demo.Note("tick", "")
		r.Announce(ctx)
	})
	if err != nil {
		return err
	}
	schedule.Start()
	<-ctx.Done()
	schedule.Stop()
	return nil
}
