package demo

import (
	"context"
	"os"

	ctrl "sigs.k8s.io/controller-runtime"
)

// Setup adds to a manager what makes an operator differ from the others.
type Setup func(ctx context.Context, mgr ctrl.Manager, s Settings) error

// Main runs an operator until a signal ends it; change may be nil.
func Main(name string, change func(Settings, *ctrl.Options), setup Setup) {
	settings := ParseFlags(name)
	log := ctrl.Log.WithName("setup")
	ctx := ctrl.SetupSignalHandler()

	options := settings.ManagerOptions()
	if change != nil {
		change(settings, &options)
	}
	mgr, err := settings.NewManager(ctx, options)
	if err != nil {
		log.Error(err, "unable to create manager")
		os.Exit(1)
	}
	if err := setup(ctx, mgr, settings); err != nil {
		log.Error(err, "unable to set up")
		os.Exit(1)
	}
	if err := mgr.Start(ctx); err != nil {
		log.Error(err, "problem running manager")
		os.Exit(1)
	}
}
