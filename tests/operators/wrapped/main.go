// Command wrapped has five controllers that ask for a requeue from behind five kinds of wrappers.
package main

import (
	"context"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"whowoke.test/operators/internal/demo"
)

var period time.Duration

func sweep(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
	if req.Name == "" {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: period}, nil //@function
}

type objectSweeper struct{}

func (objectSweeper) Reconcile(_ context.Context, object *corev1.ConfigMap) (reconcile.Result, error) {
	if object.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: period}, nil //@object
}

type base struct{}

func (*base) Reconcile(context.Context, reconcile.Request) (reconcile.Result, error) {
	return ctrl.Result{RequeueAfter: period}, nil //@embedded
}

type embedding struct{ base }

func main() {
	settings := demo.ParseFlags("wrapped")
	period = settings.Period
	ctx := ctrl.SetupSignalHandler()
	mgr, err := settings.NewManager(ctx, settings.ManagerOptions())
	check(err)

	closure := func(_ context.Context, req reconcile.Request) (reconcile.Result, error) {
		if req.Namespace != settings.Namespace {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{RequeueAfter: settings.Period}, nil //@closure
	}
	add(mgr, "function", reconcile.Func(sweep))
	add(mgr, "closure", reconcile.Func(closure))
	add(mgr, "object", reconcile.AsReconciler(mgr.GetClient(), objectSweeper{}))
	add(mgr, "embedded", &embedding{})
	add(mgr, "limited", reconcile.Func(func(context.Context, reconcile.Request) (reconcile.Result, error) {
		return reconcile.Result{RequeueAfter: settings.Period}, nil //@limited
	}))
	check(mgr.Start(ctx))
}

func add(mgr ctrl.Manager, name string, r reconcile.Reconciler) {
	builder := ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named(name)
	builder = builder.WithEventFilter(predicate.NewPredicateFuncs(func(o client.Object) bool { return o.GetName() != "" }))
	if name == "limited" {
		limiter := workqueue.NewTypedItemFastSlowRateLimiter[reconcile.Request](time.Second, time.Minute, 3)
		builder = builder.WithOptions(controller.Options{RateLimiter: limiter})
	}
	check(builder.Complete(r))
}

func check(err error) {
	if err != nil {
		ctrl.Log.Error(err, "cannot run")
		os.Exit(1)
	}
}
