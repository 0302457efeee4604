package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const greeting = "greeting"

// GreetingReconciler keeps a greeting in each ConfigMap.
type GreetingReconciler struct {
	client.Client
	Period time.Duration
}

// SetupWithManager registers the controller.
func (r *GreetingReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("greeting").Complete(r)
}

// Reconcile puts the greeting back where it is missing.
func (r *GreetingReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	log := logf.FromContext(ctx)

	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !configMap.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if configMap.Data[greeting] == "" {
		log.Info("the greeting is missing")
		configMap.Data = map[string]string{greeting: "hello"}
		if err := r.Update(ctx, &configMap); err != nil {
			return ctrl.Result{}, err
		}
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	log.V(1).Info("checked")
	return ctrl.Result{RequeueAfter: r.Period}, nil //@asks
}
