package main

import ctrl "sigs.k8s.io/controller-runtime"

func restrict(o *ctrl.Options, s Settings) {
	o.MetricsBindAddress = s.MetricsAddr
	o.Namespace = s.Namespace
	if s.Mechanism == "resync" {
		o.SyncPeriod = &s.Period
	}
}
