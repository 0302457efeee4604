// Command httptimeout asks a server that never answers; the client's timeout is the period.
package main

import (
	"context"
	"flag"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Asker announces the stock whenever the server didn't answer.
type Asker struct {
	*demo.Stock
	Client http.Client
	URL    string
}

func main() {
	peer := flag.String("peer", "", "host:port that accepts connections and stays silent")
	demo.Main("httptimeout", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		asker := &Asker{Stock: stock, Client: http.Client{Timeout: s.Period}, URL: "http://" + *peer}
		return mgr.Add(asker)
	})
}

// Start runs until ctx ends.
func (a *Asker) Start(ctx context.Context) error {
	for ctx.Err() == nil {
		if answer, err := a.Client.Get(a.URL); err == nil { //@arms
			_ = answer.Body.Close()
			time.Sleep(time.Second)
			continue
		}
		demo.Note("tick", "")
		a.Announce(ctx)
	}
	return nil
}
