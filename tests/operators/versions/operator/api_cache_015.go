package main

import ctrl "sigs.k8s.io/controller-runtime"

func restrict(o *ctrl.Options, s Settings) {
	o.MetricsBindAddress = s.MetricsAddr
	o.Cache.Namespaces = []string{s.Namespace}
	if s.Mechanism == "resync" {
		o.Cache.SyncPeriod = &s.Period
	}
}
