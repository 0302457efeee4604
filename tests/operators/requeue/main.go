// Command requeue looks at its ConfigMaps again and again because Reconcile asks for it.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"

	"whowoke.test/operators/internal/demo"
)

func main() {
	settings := demo.ParseFlags("requeue")
	log := ctrl.Log.WithName("setup")
	ctx := ctrl.SetupSignalHandler()

	mgr, err := settings.NewManager(ctx, settings.ManagerOptions())
	if err != nil {
		log.Error(err, "unable to create manager")
		os.Exit(1)
	}
	reconciler := &GreetingReconciler{Client: mgr.GetClient(), Period: settings.Period}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		log.Error(err, "unable to create controller")
		os.Exit(1)
	}
	if err := mgr.Start(ctx); err != nil {
		log.Error(err, "problem running manager")
		os.Exit(1)
	}
}
