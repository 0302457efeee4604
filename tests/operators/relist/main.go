// Command relist may list ConfigMaps, but not watch them: its informer lists them again and again.
package main

import (
	"context"

	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"whowoke.test/operators/internal/demo"
)

func main() {
	demo.Main("relist", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		_, err := demo.NewStock(mgr, s)
		return err
	})
}

func options(s demo.Settings, o *ctrl.Options) {
	o.NewCache = func(config *rest.Config, opts cache.Options) (cache.Cache, error) {
		limited, err := demo.Limited(config, s, "get", "list")
		if err != nil {
			return nil, err
		}
		opts.HTTPClient = nil
		return cache.New(limited, opts)
	}
}
