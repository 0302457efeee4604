// Command pushed has a connection on which a peer sends a line whenever it likes.
package main

import (
	"bufio"
	"context"
	"flag"
	"net"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

// Subscriber announces the stock for each line.
type Subscriber struct {
	*demo.Stock
	Peer string
}

func main() {
	peer := flag.String("peer", "", "host:port that sends lines")
	demo.Main("pushed", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		stock, err := demo.NewStock(mgr, s)
		if err != nil {
			return err
		}
		return mgr.Add(&Subscriber{stock, *peer})
	})
}

// Start runs until the peer ends the connection.
func (s *Subscriber) Start(ctx context.Context) error {
	connection, err := net.Dial("tcp", s.Peer)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = connection.Close() })
	lines := bufio.NewScanner(connection)
	for lines.Scan() { //@waits
		demo.Note("tick", "")
		s.Announce(ctx)
	}
	return nil
}
