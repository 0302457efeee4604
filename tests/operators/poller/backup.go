package main

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// BackupReconciler tells of each backup whether its database is there.
type BackupReconciler struct {
	client.Client
	Kinds  api.Kinds
	Period time.Duration
}

// SetupWithManager registers the controller.
func (r *BackupReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).For(&api.Backup{}).Complete(r)
}

// Reconcile reads the backup, its database and who may read that.
func (r *BackupReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin(r.Kinds.Backup, req)
	defer pass.End()

	var backup api.Backup
	err := r.Get(ctx, req.NamespacedName, &backup) //@backup
	pass.Got("cache", r.Kinds.Backup, req.Name, &backup, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	status := api.BackupStatus{State: "waiting"}

	var cluster api.Cluster
	key := types.NamespacedName{Namespace: req.Namespace, Name: backup.Spec.Cluster}
	clusterErr := r.Get(ctx, key, &cluster) //@backup_cluster
	pass.Got("cache", r.Kinds.Cluster, key.Name, &cluster, clusterErr)

	var users corev1.Secret
	key.Name = api.Child(backup.Spec.Cluster)
	usersErr := r.Get(ctx, key, &users) //@backup_secret
	pass.Got("cache", "Secret", key.Name, &users, usersErr)

	if clusterErr == nil && usersErr == nil {
		status.State = "ready"
	}
	if backup.Status != status {
		before := backup.ResourceVersion
		backup.Status = status
		err := r.Status().Update(ctx, &backup) //@backup_status
		pass.Wrote("update", r.Kinds.Backup, before, &backup, err)
		if err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: r.Period}, nil //@backup_asks
}
