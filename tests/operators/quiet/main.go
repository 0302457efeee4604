// Command quiet does nothing by itself: what wakes it comes from outside.
package main

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("quiet", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		_, err := demo.NewStock(mgr, s)
		return err
	})
}
