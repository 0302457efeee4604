// Command leader renews its lease, or as a standby looks at it, every period.
package main

import (
	"context"
	"time"

	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("leader", options, setup)
}

func options(s demo.Settings, o *ctrl.Options) {
	o.RetryPeriod = &s.Period
	o.RenewDeadline = ptr.To(3 * s.Period)
	o.LeaseDuration = ptr.To((5 * s.Period).Round(time.Second))
}

func setup(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
	_, err := demo.NewStock(mgr, s)
	return err
}
