package main

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"whowoke.test/operators/internal/api"
	"whowoke.test/operators/internal/demo"
)

// ClusterReconciler keeps databases running.
type ClusterReconciler struct {
	client.Client
	Kinds    api.Kinds
	Reads    []string
	Period   time.Duration
	Database *redis.Client
}

// SetupWithManager registers the controller.
func (r *ClusterReconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).For(&api.Cluster{}).Complete(r)
}

// Reconcile looks at everything that belongs to a database.
func (r *ClusterReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pass := demo.Begin(r.Kinds.Cluster, req)
	defer pass.End()

	var cluster api.Cluster
	err := r.Get(ctx, req.NamespacedName, &cluster) //@cluster
	pass.Got("cache", r.Kinds.Cluster, req.Name, &cluster, err)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	status, err := r.look(ctx, pass, &cluster)
	if err != nil {
		return ctrl.Result{}, err
	}
	if cluster.Status != status {
		before := cluster.ResourceVersion
		cluster.Status = status
		err := r.Status().Update(ctx, &cluster) //@status
		pass.Wrote("update", r.Kinds.Cluster, before, &cluster, err)
		if err != nil {
			return ctrl.Result{}, err
		}
	}
	return ctrl.Result{RequeueAfter: r.Period}, nil //@asks
}

func (r *ClusterReconciler) look(ctx context.Context, pass *demo.Pass, cluster *api.Cluster) (api.ClusterStatus, error) {
	var status api.ClusterStatus
	var err error
	for _, kind := range r.Reads {
		switch kind {
		case "StatefulSet":
			status.Ready, err = r.statefulSet(ctx, pass, cluster)
		case "Service":
			err = r.service(ctx, pass, cluster)
		case "Secret":
			err = r.secret(ctx, pass, cluster)
		case "ConfigMap":
			err = r.configMap(ctx, pass, cluster)
		}
		if err != nil {
			return status, err
		}
	}
	status.State, err = r.Database.Get(ctx, cluster.Name).Result() //@database
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	pass.Asked(status.State)
	return status, err
}

// statefulSet returns how many instances are ready.
func (r *ClusterReconciler) statefulSet(ctx context.Context, pass *demo.Pass, cluster *api.Cluster) (int32, error) {
	wanted := api.StatefulSet(cluster.Namespace, cluster.Name, cluster.Spec.Size)
	var found appsv1.StatefulSet
	err := r.Get(ctx, client.ObjectKeyFromObject(wanted), &found) //@statefulset
	pass.Got("cache", "StatefulSet", wanted.Name, &found, err)
	if err != nil {
		return 0, r.create(ctx, pass, "StatefulSet", wanted, err)
	}
	var all appsv1.StatefulSetList
	err = r.List(ctx, &all, client.InNamespace(cluster.Namespace), client.MatchingLabels(api.Selector(cluster.Name))) //@statefulsets
	if err != nil {
		return 0, err
	}
	pass.Listed("cache", "StatefulSet", &all)
	var ready int32
	for _, one := range all.Items {
		ready += one.Status.ReadyReplicas
	}
	return ready, nil
}

func (r *ClusterReconciler) service(ctx context.Context, pass *demo.Pass, cluster *api.Cluster) error {
	wanted := api.Service(cluster.Namespace, cluster.Name)
	var found corev1.Service
	err := r.Get(ctx, client.ObjectKeyFromObject(wanted), &found) //@service
	pass.Got("cache", "Service", wanted.Name, &found, err)
	return r.create(ctx, pass, "Service", wanted, err)
}

func (r *ClusterReconciler) secret(ctx context.Context, pass *demo.Pass, cluster *api.Cluster) error {
	wanted := api.Secret(cluster.Namespace, cluster.Name)
	var found corev1.Secret
	err := r.Get(ctx, client.ObjectKeyFromObject(wanted), &found) //@secret
	pass.Got("cache", "Secret", wanted.Name, &found, err)
	return r.create(ctx, pass, "Secret", wanted, err)
}

func (r *ClusterReconciler) configMap(ctx context.Context, pass *demo.Pass, cluster *api.Cluster) error {
	wanted := api.ConfigMap(cluster.Namespace, cluster.Name)
	var found corev1.ConfigMapList
	err := r.List(ctx, &found, client.InNamespace(cluster.Namespace), client.MatchingLabels(api.Selector(cluster.Name))) //@configmaps
	if err != nil {
		return err
	}
	pass.Listed("cache", "ConfigMap", &found)
	if len(found.Items) > 0 {
		return nil
	}
	return r.make(ctx, pass, "ConfigMap", wanted)
}

// create makes an object that wasn't found.
func (r *ClusterReconciler) create(ctx context.Context, pass *demo.Pass, kind string, wanted client.Object, found error) error {
	if found == nil || client.IgnoreNotFound(found) != nil {
		return found
	}
	return r.make(ctx, pass, kind, wanted)
}

// make doesn't mind if the cache didn't know yet.
func (r *ClusterReconciler) make(ctx context.Context, pass *demo.Pass, kind string, wanted client.Object) error {
	err := r.Create(ctx, wanted) //@creates
	pass.Wrote("create", kind, "", wanted, err)
	return client.IgnoreAlreadyExists(err)
}
