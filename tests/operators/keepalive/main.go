// Command keepalive has a gRPC connection on which nothing is asked, and which is checked every 10 s.
package main

import (
	"context"
	"flag"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	peer := flag.String("peer", "", "host:port of a gRPC server")
	demo.Main("keepalive", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		connection, err := grpc.NewClient("passthrough:///"+*peer,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			// gRPC takes no shorter time.
			grpc.WithKeepaliveParams(keepalive.ClientParameters{
				Time: 10 * time.Second, PermitWithoutStream: true,
			}))
		if err != nil {
			return err
		}
		connection.Connect()
		return nil
	})
}
