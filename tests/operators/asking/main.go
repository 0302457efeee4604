// Command asking polls a server every period; the server takes a moment to answer.
package main

import (
	"context"
	"flag"
	"io"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Poller announces the stock after each answer.
type Poller struct {
	*demo.Stock
	URL    string
	Period time.Duration
}

func main() {
	peer := flag.String("peer", "", "host:port of a server that answers a GET")
	demo.Main("asking", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Poller{stock, "http://" + *peer, s.Period})
	})
}

// Start runs until ctx ends.
func (p *Poller) Start(ctx context.Context) error {
	ticker := time.NewTicker(p.Period) //@arms
	defer ticker.Stop()
	for {
		select { //@waits
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			demo.Note("tick", "")
			if answer, err := http.Get(p.URL); err == nil {
				demo.Note("answer", "")
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				p.Announce(ctx)
			}
		}
	}
}
