// Command layered reconciles objects instead of requests, below a wrapper of its own, with a rate
// limiter and a predicate of its own.
package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"whowoke.test/operators/internal/demo"
)

// Base is what several reconcilers share.
type Base struct {
	client.Client
	Period time.Duration
}

// Objects asks to see each ConfigMap again.
type Objects struct {
	Base
}

// Timed is around another reconciler.
type Timed struct {
	reconcile.Reconciler
	Spent time.Duration
}

// Limiter never lets anything wait for less than a second.
type Limiter struct {
	workqueue.TypedRateLimiter[ctrl.Request]
}

func main() {
	demo.Main("layered", nil, func(_ context.Context, mgr ctrl.Manager, s demo.Settings) error {
		objects := &Objects{Base{mgr.GetClient(), s.Period}}
		limiter := Limiter{workqueue.DefaultTypedControllerRateLimiter[ctrl.Request]()}
		named := predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetName() != "" })
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}, builder.WithPredicates(named)).
			WithOptions(controller.Options{RateLimiter: limiter}).
			Complete(&Timed{Reconciler: reconcile.AsReconciler(mgr.GetClient(), objects)})
	})
}

// When adds a second.
func (l Limiter) When(item ctrl.Request) time.Duration {
	return time.Second + l.TypedRateLimiter.When(item)
}

// Reconcile measures the other one.
func (t *Timed) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	demo.Note("reconcile", req.Name)
	started := time.Now()
	result, err := t.Reconciler.Reconcile(ctx, req)
	t.Spent += time.Since(started)
	return result, err
}

// Reconcile asks to be called again.
func (o *Objects) Reconcile(_ context.Context, configMap *corev1.ConfigMap) (ctrl.Result, error) {
	if len(configMap.Data) == 0 {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{RequeueAfter: o.Period}, nil //@asks
}
