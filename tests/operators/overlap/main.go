// Command overlap asks to be called again after --after, over informers that resync every period.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/demo"
)

var (
	after = flag.Duration("after", 0, "RequeueAfter (default 13/5 of the period)")
	sync  = flag.Duration("sync", 0, "SyncPeriod (default the period)")
)

// Reconciler asks to be called again.
type Reconciler struct {
	client.Client
	After time.Duration
}

func main() {
	demo.Main("overlap", options, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		delay := *after
		if delay == 0 {
			delay = 13 * s.Period / 5
		}
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			WithEventFilter(demo.Noted()).
			Complete(&Reconciler{mgr.GetClient(), delay})
	})
}

func options(s demo.Settings, o *ctrl.Options) {
	o.Cache.SyncPeriod = &s.Period
	if *sync != 0 {
		o.Cache.SyncPeriod = sync
	}
}

// Reconcile reads the ConfigMap.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	demo.Note("requeue", fmt.Sprint(req.Name, " ", r.After.Nanoseconds()))
	return ctrl.Result{RequeueAfter: r.After}, nil //@asks
}
