// Command ticker looks at its ConfigMaps again and again because a goroutine of its own asks the
// API for them and sends each one to the controller.
package main

import (
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"whowoke.test/operators/internal/demo"
)

func main() {
	settings := demo.ParseFlags("ticker")
	log := ctrl.Log.WithName("setup")
	ctx := ctrl.SetupSignalHandler()

	mgr, err := settings.NewManager(ctx, settings.ManagerOptions())
	if err != nil {
		log.Error(err, "unable to create manager")
		os.Exit(1)
	}
	events := make(chan event.GenericEvent)
	poller := &Poller{
		Reader: mgr.GetAPIReader(),
		Match:  settings.Labels(),
		Within: settings.Namespace,
		Period: settings.Period,
		Events: events,
	}
	if err := mgr.Add(poller); err != nil {
		log.Error(err, "unable to add poller")
		os.Exit(1)
	}
	reconciler := &StockReconciler{Client: mgr.GetClient(), Events: events}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		log.Error(err, "unable to create controller")
		os.Exit(1)
	}
	if err := mgr.Start(ctx); err != nil {
		log.Error(err, "problem running manager")
		os.Exit(1)
	}
}
