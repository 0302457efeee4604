// Command readdeadline listens to a peer that never says anything, and gives up every period.
package main

import (
	"context"
	"flag"
	"net"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Listener announces the stock whenever the peer was silent for a period.
type Listener struct {
	*demo.Stock
	Peer   string
	Period time.Duration
}

func main() {
	peer := flag.String("peer", "", "host:port that accepts connections and stays silent")
	demo.Main("readdeadline", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Listener{stock, *peer, s.Period})
	})
}

// Start runs until ctx ends.
func (l *Listener) Start(ctx context.Context) error {
	connection, err := net.Dial("tcp", l.Peer)
	if err != nil {
		return err
	}
	defer connection.Close()
	answer := make([]byte, 1)
	for ctx.Err() == nil {
		if err := connection.SetReadDeadline(time.Now().Add(l.Period)); err != nil { //@arms
			return err
		}
		if _, err := connection.Read(answer); err != nil { //@waits
			demo.Note("tick", "")
			l.Announce(ctx)
		}
	}
	return nil
}
