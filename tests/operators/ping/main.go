// Command ping has no leader election, so that its connection to the API server is silent.
// HTTP2_READ_IDLE_TIMEOUT_SECONDS sets how soon a silent connection is checked.
package main

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("ping", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		_, err := demo.NewStock(mgr, s)
		return err
	})
}

func options(_ demo.Settings, o *ctrl.Options) {
	o.LeaderElection = false
}
