// Command traced has an execution trace of itself made, which nobody reads.
package main

import (
	"context"
	"io"
	"runtime/trace"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("traced", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		if _, err := demo.NewStock(mgr, s); err != nil {
			return err
		}
		return trace.Start(io.Discard)
	})
}
