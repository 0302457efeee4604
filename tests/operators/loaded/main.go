// Command loaded is an operator with much to do: many objects, each of which is reconciled every
// period, or as often as its workers can if the period is shorter than that.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

func main() {
	count := flag.Int("count", 100, "how many ConfigMaps there are besides the usual")
	workers := flag.Int("workers", 2, "reconciles at the same time")
	asks := flag.Bool("asks", true, "let each reconcile ask the API server")
	demo.Main("loaded", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		var objects []client.Object
		for i := range *count {
			objects = append(objects, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
				Namespace: s.Namespace, Name: fmt.Sprintf("load-%d", i), Labels: s.Labels(),
			}})
		}
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), objects...); err != nil {
			return err
		}
		reconciler := &Reconciler{Client: mgr.GetClient(), Period: s.Period}
		if *asks {
			reconciler.Live = mgr.GetAPIReader()
		}
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			Named("loaded").
			WithOptions(controller.Options{MaxConcurrentReconciles: *workers}).
			Complete(reconciler)
	})
}

// Reconciler reads an object from the cache and, with Live, from the API server as well.
type Reconciler struct {
	client.Client
	Live   client.Reader
	Period time.Duration
}

// Reconcile asks to be called again after the period.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.Live != nil {
		if err := r.Live.Get(ctx, req.NamespacedName, &configMap); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
	}
	return ctrl.Result{RequeueAfter: r.Period}, nil
}
