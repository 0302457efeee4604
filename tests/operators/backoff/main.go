// Command backoff fails each time; its backoff has reached the period after four attempts.
package main

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"whowoke.test/operators/internal/demo"
)

var errNoGuests = errors.New("nobody to greet")

// Reconciler expects guests, of which there are none.
type Reconciler struct {
	client.Client
}

func main() {
	demo.Main("backoff", nil, setup)
}

func setup(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
	limiter := workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](s.Period/8, s.Period)
	return ctrl.NewControllerManagedBy(mgr).
		For(&corev1.ConfigMap{}).
		WithOptions(controller.Options{RateLimiter: limiter}).
		Complete(&Reconciler{mgr.GetClient()})
}

// Reconcile fails.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if configMap.Data["guests"] == "" {
		return ctrl.Result{}, errNoGuests //@asks
	}
	return ctrl.Result{}, nil
}
