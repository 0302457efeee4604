// Command klogflush has klog flush its buffers every period.
package main

import (
	"context"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("klogflush", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		klog.StartFlushDaemon(s.Period)
		_, err := demo.NewStock(mgr, s)
		return err
	})
}
