// Command converging waits until the StatefulSet of each ConfigMap is ready.
package main

import (
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

const size = 3

// Waiter tells in each ConfigMap when its StatefulSet is ready.
type Waiter struct {
	client.Client
	Period time.Duration
}

func main() {
	demo.Main("converging", nil, func(ctx context.Context, mgr ctrl.Manager, s demo.Settings) error {
		var statefulSets []client.Object
		for _, name := range s.Names() {
			statefulSets = append(statefulSets, api.StatefulSet(s.Namespace, name, size))
		}
		if err := api.Create(ctx, mgr.GetConfig(), mgr.GetScheme(), statefulSets...); err != nil {
			return err
		}
		return ctrl.NewControllerManagedBy(mgr).
			For(&corev1.ConfigMap{}).
			Named("converging").
			Complete(&Waiter{mgr.GetClient(), s.Period})
	})
}

// Reconcile comes back as long as the StatefulSet isn't ready.
func (w *Waiter) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("converging", req)
	defer pass.End()

	var configMap corev1.ConfigMap
	err := w.Get(ctx, req.NamespacedName, &configMap) //@configmap
	pass.Got("cache", "ConfigMap", req.Name, &configMap, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	var statefulSet appsv1.StatefulSet
	key := types.NamespacedName{Namespace: req.Namespace, Name: api.Child(req.Name)}
	err = w.Get(ctx, key, &statefulSet) //@statefulset
	pass.Got("cache", "StatefulSet", key.Name, &statefulSet, err)
	if err != nil {
		return ctrl.Result{}, err
	}
	if statefulSet.Status.ReadyReplicas < size {
		return ctrl.Result{RequeueAfter: w.Period}, nil //@asks
	}
	if configMap.Data["ready"] == "" {
		before := configMap.ResourceVersion
		configMap.Data = map[string]string{"ready": "yes"}
		err = w.Update(ctx, &configMap) //@ready
		pass.Wrote("update", "ConfigMap", before, &configMap, err)
	}
	return ctrl.Result{}, err
}
