package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const checked = "demo.example.com/checked"

// AddressReconciler marks each ConfigMap as checked.
type AddressReconciler struct {
	client.Client
}

// SetupWithManager registers the controller.
func (r *AddressReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).For(&corev1.ConfigMap{}).Named("address").Complete(r)
}

// Reconcile adds the mark where it is missing.
func (r *AddressReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	var configMap corev1.ConfigMap
	if err := r.Get(ctx, req.NamespacedName, &configMap); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if configMap.Annotations[checked] == "yes" {
		return ctrl.Result{}, nil
	}
	logf.FromContext(ctx).Info("marking")
	before := configMap.DeepCopy()
	if configMap.Annotations == nil {
		configMap.Annotations = map[string]string{}
	}
	configMap.Annotations[checked] = "yes"
	return ctrl.Result{}, r.Patch(ctx, &configMap, client.MergeFrom(before))
}
