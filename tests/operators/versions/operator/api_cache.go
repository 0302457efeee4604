package main

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func restrict(o *ctrl.Options, s Settings) {
	o.Metrics = server.Options{BindAddress: s.MetricsAddr}
	o.Cache.DefaultNamespaces = map[string]cache.Config{s.Namespace: {}}
	if s.Mechanism == "resync" {
		o.Cache.SyncPeriod = &s.Period
	}
}
