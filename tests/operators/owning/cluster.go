package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// ClusterReconciler keeps databases running.
type ClusterReconciler struct {
	client.Client
}

// SetupWithManager registers the controller.
func (r *ClusterReconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		For(&api.Cluster{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.StatefulSet{}, changed).
		Owns(&corev1.Service{}, changed).
		Complete(r)
}

// Reconcile makes what is missing and tells how many instances are ready.
func (r *ClusterReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin("cluster", req)
	defer pass.End()

	var cluster api.Cluster
	err := r.Get(ctx, req.NamespacedName, &cluster) //@cluster
	pass.Got("cache", "Cluster", req.Name, &cluster, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}

	var statefulSet appsv1.StatefulSet
	wantedSet := api.StatefulSet(req.Namespace, req.Name, cluster.Spec.Size)
	err = r.Get(ctx, client.ObjectKeyFromObject(wantedSet), &statefulSet) //@statefulset
	pass.Got("cache", "StatefulSet", wantedSet.Name, &statefulSet, err)
	if err := r.create(ctx, pass, "StatefulSet", &cluster, wantedSet, err); err != nil {
		return ctrl.Result{}, err
	}

	var service corev1.Service
	wantedService := api.Service(req.Namespace, req.Name)
	err = r.Get(ctx, client.ObjectKeyFromObject(wantedService), &service) //@service
	pass.Got("cache", "Service", wantedService.Name, &service, err)
	if err := r.create(ctx, pass, "Service", &cluster, wantedService, err); err != nil {
		return ctrl.Result{}, err
	}

	if ready := statefulSet.Status.ReadyReplicas; cluster.Status.Ready != ready {
		before := cluster.ResourceVersion
		cluster.Status.Ready = ready
		err := r.Status().Update(ctx, &cluster) //@status
		pass.Wrote("update", "Cluster", before, &cluster, err)
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, nil
}

// create makes an object that wasn't found; its events lead to its owner.
func (r *ClusterReconciler) create(
	ctx context.Context, pass *demo.Pass, kind string, owner *api.Cluster, wanted client.Object, found error,
) error {
	if found == nil || client.IgnoreNotFound(found) != nil {
		return found
	}
	if err := controllerutil.SetControllerReference(owner, wanted, r.Scheme()); err != nil {
		return err
	}
	err := r.Create(ctx, wanted)
	pass.Wrote("create", kind, "", wanted, err)
	return client.IgnoreAlreadyExists(err)
}
