// Command resync looks at its ConfigMaps again and again because the informer hands out its whole
// cache every SyncPeriod.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	settings := demo.ParseFlags("resync")
	log := ctrl.Log.WithName("setup")
	ctx := ctrl.SetupSignalHandler()

	options := settings.ManagerOptions()
	options.Cache.SyncPeriod = &settings.Period

	mgr, err := settings.NewManager(ctx, options)
	if err != nil {
		log.Error(err, "unable to create manager")
		os.Exit(1)
	}
	reconciler := &AddressReconciler{Client: mgr.GetClient()}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		log.Error(err, "unable to create controller")
		os.Exit(1)
	}
	if err := mgr.Start(ctx); err != nil {
		log.Error(err, "problem running manager")
		os.Exit(1)
	}
}
