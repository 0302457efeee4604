// Command signalled looks at everything again when it gets SIGHUP.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Reloader announces the stock at each signal.
type Reloader struct {
	*demo.Stock
}

func main() {
	demo.Main("signalled", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Reloader{stock})
	})
}

// Start runs until ctx ends.
func (r *Reloader) Start(ctx context.Context) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangups:
			demo.Note("tick", "")
			r.Announce(ctx)
		}
	}
}
